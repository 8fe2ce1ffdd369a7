package main

// row is a line of the table.
type row struct {
	name string // of the figure
	text string
	unit string
	more bool // more of it is better

	// times is the bar as a multiple of the better peer: what Gatehouse must not exceed or, where more is better, must
	// reach. most is a bar by itself, where a peer does not do what is measured. 0: there is none.
	times, most float64
}

// rows are all lines, in the order in which they are printed.
var rows = []row{
	{"memory", "memory of an idle socket", "kB", false, 1, 0},
	{"memory-before", "memory of the server before, which is taken off", "MB", false, 0, 0},
	{"handshake-cpu", "processor time of 1,000 handshakes", "s", false, 1, 0},
	{"handshake-rate", "handshakes", "/s", true, 1, 0},
	{"kick-same-p50", "kick, same node, p50", "ms", false, 1, 0},
	{"kick-same-p99", "kick, same node, p99", "ms", false, 1, 0},
	{"kick-cross-p50", "kick, other node, p50", "ms", false, 1, 0},
	{"kick-cross-p99", "kick, other node, p99", "ms", false, 1, 0},
	{"kick-open-p50", "kick, other node, at a steady rate, p50", "ms", false, 1, 0},
	{"kick-open-p99", "kick, other node, at a steady rate, p99", "ms", false, 1, 0},
	{"kick-one-p50", "kick, one node alone, p50", "ms", false, 1, 0},
	{"kick-one-p99", "kick, one node alone, p99", "ms", false, 1, 0},
	{"kick-one-open-p50", "kick, one node alone, at a steady rate, p50", "ms", false, 1, 0},
	{"kick-one-open-p99", "kick, one node alone, at a steady rate, p99", "ms", false, 1, 0},
	{"message-same-p50", "message, same node, p50", "ms", false, 1, 0},
	{"message-same-p99", "message, same node, p99", "ms", false, 1, 0},
	{"message-cross-p50", "message, other node, p50", "ms", false, 1, 0},
	{"message-cross-p99", "message, other node, p99", "ms", false, 1, 0},
	{"join-p50", "a tenth device joins, nine are told, p50", "ms", false, 1, 0},
	{"join-p99", "a tenth device joins, nine are told, p99", "ms", false, 1, 0},
	{"leave-p50", "its connection ends, nine are told, p50", "ms", false, 1, 0},
	{"leave-p99", "its connection ends, nine are told, p99", "ms", false, 1, 0},
	{"idle-redis", "commands of Redis while sockets are idle", "/s", false, 0, 5},
	{"idle-cpu", "processor of both nodes while sockets are idle", "%", false, 1, 0},
	{"idle-redis-cpu", "processor of Redis while sockets are idle", "%", false, 0, 0},
	{"throughput", "messages delivered to devices", "/s", true, 1, 0},
	{"throughput-cpu", "processor time of 100,000 deliveries", "s", false, 1, 0},
}
