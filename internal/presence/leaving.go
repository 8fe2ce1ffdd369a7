package presence

// leaving is the heap of devices in their grace, the one that lost its last connection first on top.
type leaving []*device

func (l leaving) Len() int           { return len(l) }
func (l leaving) Less(i, j int) bool { return l[i].lastSeen.Before(l[j].lastSeen) }

func (l leaving) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].place, l[j].place = i, j
}

func (l *leaving) Push(x any) {
	d := x.(*device)
	d.place = len(*l)
	*l = append(*l, d)
}

func (l *leaving) Pop() any {
	last := len(*l) - 1
	d := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	d.place = -1
	return d
}
