package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// results are the figures of all repetitions, by contender and row.
type results map[string]map[string][]float64

func (r results) add(contender string, f figures) {
	if r[contender] == nil {
		r[contender] = map[string][]float64{}
	}
	for name, v := range f {
		r[contender][name] = append(r[contender][name], v)
	}
}

// median is that of a row, if there is any figure.
func (r results) median(contender, name string) (float64, bool) {
	all := slices.Sorted(slices.Values(r[contender][name]))
	if len(all) == 0 {
		return 0, false
	}
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2, true
}

// The names of the contenders, as flags and columns have them.
const (
	nameGatehouse  = "gatehouse"
	nameSQLite     = "gatehouse-sqlite"
	nameCentrifugo = "centrifugo"
	nameSocketIO   = "socketio"
)

var contenders = []string{nameGatehouse, nameSQLite, nameCentrifugo, nameSocketIO}

// write prints the table.
func (r results) write(w io.Writer) {
	fmt.Fprintln(w, "| | Gatehouse | Centrifugo | Socket.IO | Gatehouse / Centrifugo | Gatehouse / Socket.IO | bar | held | Gatehouse on SQLite |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|--:|---|---|--:|")
	for _, row := range rows {
		if line, any := r.line(row); any {
			fmt.Fprintln(w, line)
		}
	}
}

// line is a row, if any contender has a figure for it.
func (r results) line(row row) (line string, any bool) {
	cell := func(contender string) string {
		v, ok := r.median(contender, row.name)
		any = any || ok
		return number(v, ok) + r.spread(contender, row.name)
	}
	bar, held := r.judge(row)
	cells := []string{
		row.text + ", " + row.unit, cell(nameGatehouse), cell(nameCentrifugo), cell(nameSocketIO),
		r.ratio(row.name, nameCentrifugo), r.ratio(row.name, nameSocketIO), bar, held, cell(nameSQLite),
	}
	return "| " + strings.Join(cells, " | ") + " |", any
}

const nothing = "–"

// number is a figure with about three digits.
func number(v float64, ok bool) string {
	switch {
	case !ok:
		return nothing
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// spread is the least and the most of several figures.
func (r results) spread(contender, name string) string {
	all := r[contender][name]
	if len(all) < 2 {
		return ""
	}
	return " (" + number(slices.Min(all), true) + "–" + number(slices.Max(all), true) + ")"
}

// ratio is Gatehouse's figure by that of a peer.
func (r results) ratio(name, peer string) string {
	own, ok := r.median(nameGatehouse, name)
	theirs, ok2 := r.median(peer, name)
	if !ok || !ok2 || theirs == 0 {
		return nothing
	}
	return fmt.Sprintf("%.2f", own/theirs)
}

// judge says what the bar is, the strictest of those that the row has figures for, and whether Gatehouse holds it.
func (r results) judge(row row) (text, held string) {
	own, ok := r.median(nameGatehouse, row.name)
	limit, any := r.limit(row)
	switch {
	case !ok || !any:
		return nothing, nothing
	case row.more:
		return "≥ " + number(limit, true), yes(own >= limit)
	}
	return "≤ " + number(limit, true), yes(own <= limit)
}

func (r results) limit(row row) (limit float64, any bool) {
	for _, b := range row.bars {
		l, ok := b.times, true
		if b.of != "" {
			l, ok = r.median(b.of, row.name)
			l *= b.times
		}
		if ok && (!any || l > limit == row.more) {
			limit, any = l, true
		}
	}
	return limit, any
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "**no**"
}
