package gatehouse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gatehouse-dev/gatehouse"
	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// poll is what the program itself is about. Gatehouse tells it who acts.
type poll struct {
	mu    sync.Mutex
	votes map[string]string // by user
}

// vote answers a message of a socket.
func (p *poll) vote(_ context.Context, who gatehouse.Principal, data json.RawMessage) (any, error) {
	var choice string
	if err := json.Unmarshal(data, &choice); err != nil {
		return nil, &gatehouse.Error{Code: "invalid_request", Detail: "a vote is a string"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.votes[who.UserID] = choice
	return map[string]int{"votes": len(p.votes)}, nil
}

// show answers a request.
func (p *poll) show(w http.ResponseWriter, _ *http.Request, who gatehouse.Principal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	json.NewEncoder(w).Encode(map[string]string{"mine": p.votes[who.UserID]})
}

func (p *poll) clear(http.ResponseWriter, *http.Request, gatehouse.Principal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.votes)
}

// A program opens Gatehouse, mounts it beside routes of its own, which it guards, and answers messages of sockets.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "gatehouse")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cfg, err := gatehouse.Configure([]string{"--store=sqlite:" + filepath.Join(dir, "gatehouse.db"), "--mail-dir=" + filepath.Join(dir, "mail")}, os.Environ(), nil)
	if err != nil {
		log.Fatal(err)
	}
	p := &poll{votes: map[string]string{}}
	staff := gatehouse.Need{Roles: []string{"admin", "moderator"}, AAL2: true, Fresh: 10 * time.Minute}
	g, err := gatehouse.Open(ctx, cfg, gatehouse.Options{
		Log:      slog.New(slog.DiscardHandler),
		Handlers: map[string]gatehouse.Handler{"poll.vote": {Handle: p.vote}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer g.Close()
	mux := http.NewServeMux()
	mux.Handle("/", g.Handler())
	mux.Handle("GET /poll", g.Require(gatehouse.Need{}, p.show))
	mux.Handle("DELETE /poll", g.Require(staff, p.clear))
	server := httptest.NewServer(mux)
	defer server.Close()

	// From here on it is a client.
	ann := client.New(client.Config{BaseURL: server.URL})
	if _, _, err := ann.Register(ctx, "ann@example.com", "correct horse battery"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(vote(ctx, ann, server.URL, `"tea"`))
	fmt.Println(vote(ctx, ann, server.URL, `7`))
	var mine map[string]string
	fmt.Println(ann.Do(ctx, "GET", "/poll", nil, &mine), mine["mine"])
	fmt.Println(ann.Do(ctx, "DELETE", "/poll", nil, nil))
	// Output:
	// ack {"votes":1}
	// error invalid_request: a vote is a string
	// <nil> tea
	// forbidden
}

// vote sends one message on a socket, and says what the answer was.
func vote(ctx context.Context, c *client.Client, url, data string) string {
	token, err := c.AccessToken(ctx)
	if err != nil {
		log.Fatal(err)
	}
	socket, _, err := websocket.Dial(ctx, url+"/ws", &websocket.DialOptions{Subprotocols: []string{wire.Protocol, wire.BearerPrefix + token}})
	if err != nil {
		log.Fatal(err)
	}
	defer socket.Close(websocket.StatusNormalClosure, "")
	ask := `{"type":"message","id":"1","name":"poll.vote","data":` + data + `}`
	if err := socket.Write(ctx, websocket.MessageText, []byte(ask)); err != nil {
		log.Fatal(err)
	}
	for {
		_, text, err := socket.Read(ctx)
		if err != nil {
			log.Fatal(err)
		}
		var frame struct {
			Type, Re, Code, Detail string
			Data                   json.RawMessage
		}
		json.Unmarshal(text, &frame)
		switch {
		case frame.Re == "":
		case frame.Type == wire.TypeAck:
			return fmt.Sprintf("ack %s", frame.Data)
		default:
			return fmt.Sprintf("error %s: %s", frame.Code, frame.Detail)
		}
	}
}
