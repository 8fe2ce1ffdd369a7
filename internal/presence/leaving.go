package presence

import "time"

// leaving is the heap of devices in their grace, the one that lost its last connection first on top.
type leaving []departure

// departure is that a device lost its last connection.
type departure struct {
	d  *device
	at time.Time
}

func (l leaving) Len() int           { return len(l) }
func (l leaving) Less(i, j int) bool { return l[i].at.Before(l[j].at) }

func (l leaving) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].d.place, l[j].d.place = int32(i), int32(j)
}

func (l *leaving) Push(x any) {
	one := x.(departure)
	one.d.place = int32(len(*l))
	*l = append(*l, one)
}

func (l *leaving) Pop() any {
	last := len(*l) - 1
	one := (*l)[last]
	(*l)[last] = departure{}
	*l = (*l)[:last]
	if last == 0 {
		*l = nil // and with it the room that a storm took
	}
	one.d.place = -1
	return one
}
