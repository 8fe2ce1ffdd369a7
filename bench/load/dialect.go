package load

import "bytes"

// Dialect is what a server wants to see and hear on a socket before and while it is idle.
type Dialect struct {
	Name string
	Path string // of the socket, with its query

	// Header is what the request has of lines of its own, and Hello the first frame. Either shows the token.
	Header func(token string) string
	Hello  func(token string) string

	Skip  string // how frames begin that may come before the socket is ready
	Ready string // how the frame begins that makes it ready

	Ping, Pong string // the frame that asks whether anybody is there, and its answer
}

// The dialects that there are.
var (
	Gatehouse = &Dialect{
		Name:   "gatehouse",
		Path:   "/ws",
		Header: func(token string) string { return "Sec-WebSocket-Protocol: gatehouse.v1, bearer." + token + "\r\n" },
		Hello:  func(string) string { return "" },
		Skip:   "none",
		Ready:  `{"type":"welcome"`,
		Ping:   `{"type":"ping"}`,
		Pong:   `{"type":"pong"}`,
	}
	Centrifugo = &Dialect{
		Name:   "centrifugo",
		Path:   "/connection/websocket",
		Header: func(string) string { return "" },
		Hello:  func(token string) string { return `{"id":1,"connect":{"token":"` + token + `"}}` },
		Skip:   `{"push"`,
		Ready:  `{"id":1,"connect"`,
		Ping:   `{}`,
		Pong:   `{}`,
	}
	SocketIO = &Dialect{
		Name:   "socketio",
		Path:   "/socket.io/?EIO=4&transport=websocket",
		Header: func(string) string { return "" },
		Hello:  func(token string) string { return `40{"token":"` + token + `"}` },
		Skip:   "0",
		Ready:  "40",
		Ping:   "2",
		Pong:   "3",
	}
)

// dialects finds one by its name.
var dialects = map[string]*Dialect{Gatehouse.Name: Gatehouse, Centrifugo.Name: Centrifugo, SocketIO.Name: SocketIO}

var newline = []byte("\n")

// asks tells whether a ping is in the frame, perhaps as one of several lines.
func (d *Dialect) asks(frame []byte) bool {
	for line := range bytes.Lines(frame) {
		if string(bytes.TrimSuffix(line, newline)) == d.Ping {
			return true
		}
	}
	return false
}
