package main

// row is a line of the table.
type row struct {
	name string // of the figure
	text string
	unit string
	more bool // more of it is better
	bars []bar
}

// bar is what a figure of Gatehouse must not exceed or, where more is better, must reach.
type bar struct {
	of    string  // a peer, whose figure it is a multiple of; "": none
	times float64 // with no peer, the bar itself
}

func ofCentrifugo(times float64) bar { return bar{nameCentrifugo, times} }
func ofSocketIO(times float64) bar   { return bar{nameSocketIO, times} }
func absolute(limit float64) bar     { return bar{"", limit} }

// rows are all lines, in the order in which they are printed. What peers do that Gatehouse writes down first may cost it
// twice as much.
var rows = []row{
	{name: "memory", text: "memory of an idle socket", unit: "KiB", bars: []bar{absolute(8), ofSocketIO(0.65), ofCentrifugo(0.2)}},
	{name: "memory-before", text: "memory of the server before, which is taken off", unit: "MB"},
	{name: "memory-after", text: "memory of the server with all sockets", unit: "MB"},
	{name: "handshake-cpu", text: "processor time of 1,000 handshakes", unit: "s", bars: []bar{ofCentrifugo(0.6)}},
	{name: "handshake-rate", text: "handshakes", unit: "/s", more: true, bars: []bar{ofCentrifugo(1.6)}},
	{name: "kick-same-p50", text: "kick, same node, p50", unit: "ms"},
	{name: "kick-same-p99", text: "kick, same node, p99", unit: "ms"},
	{name: "kick-cross-p50", text: "kick, other node, p50", unit: "ms", bars: []bar{ofCentrifugo(2)}},
	{name: "kick-cross-p99", text: "kick, other node, p99", unit: "ms", bars: []bar{ofCentrifugo(2)}},
	{name: "kick-open-p50", text: "kick, other node, at a steady rate, p50", unit: "ms"},
	{name: "kick-open-p99", text: "kick, other node, at a steady rate, p99", unit: "ms", bars: []bar{ofCentrifugo(1)}},
	{name: "kick-one-p50", text: "kick, one node alone, p50", unit: "ms"},
	{name: "kick-one-p99", text: "kick, one node alone, p99", unit: "ms"},
	{name: "kick-one-open-p50", text: "kick, one node alone, at a steady rate, p50", unit: "ms"},
	{name: "kick-one-open-p99", text: "kick, one node alone, at a steady rate, p99", unit: "ms"},
	{name: "message-same-p50", text: "message, same node, p50", unit: "ms"},
	{name: "message-same-p99", text: "message, same node, p99", unit: "ms"},
	{name: "message-cross-p50", text: "message, other node, p50", unit: "ms", bars: []bar{ofCentrifugo(1.2)}},
	{name: "message-cross-p99", text: "message, other node, p99", unit: "ms", bars: []bar{ofCentrifugo(1.2)}},
	{name: "join-p50", text: "a tenth device joins, nine are told, p50", unit: "ms", bars: []bar{ofCentrifugo(1)}},
	{name: "join-p99", text: "a tenth device joins, nine are told, p99", unit: "ms", bars: []bar{ofCentrifugo(1)}},
	{name: "leave-p50", text: "its connection ends, nine are told, p50", unit: "ms", bars: []bar{ofCentrifugo(1)}},
	{name: "leave-p99", text: "its connection ends, nine are told, p99", unit: "ms", bars: []bar{ofCentrifugo(1)}},
	{name: "idle-redis", text: "commands of Redis while sockets are idle", unit: "/s", bars: []bar{absolute(5)}},
	{name: "idle-cpu", text: "processor of both nodes while sockets are idle", unit: "%", bars: []bar{absolute(1.5)}},
	{name: "idle-redis-cpu", text: "processor of Redis while sockets are idle", unit: "%"},
	{name: "throughput", text: "messages delivered to devices", unit: "/s", more: true},
	{name: "throughput-cpu", text: "processor time of 100,000 deliveries", unit: "s"},
}
