// Command centrifuge is the peer that Gatehouse is measured beside: the library that Centrifugo is made of, set up as
// Centrifugo sets it up, with Redis as broker and for presence. Everything that is not said here is as the library has it.
//
// A socket is authenticated by an EdDSA token in its connect command. It is subscribed by the server to the personal
// channel of its user, with presence, joins and leaves told: the list of the user's devices.
//
// It listens on a port that the kernel chooses and says which in its first line of output.
package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/centrifugal/centrifuge"
	"github.com/golang-jwt/jwt/v5"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv("PEER_REDIS"), os.Getenv("PEER_KEY")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until ctx ends. The key is what verifies tokens, in base64url.
func run(ctx context.Context, redis, key string) error {
	public, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return errors.New("PEER_KEY must be an Ed25519 key in base64url")
	}
	node, err := join(redis, ed25519.PublicKey(public))
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: routes(node)}
	go func() {
		<-ctx.Done()
		_ = node.Shutdown(context.Background())
		_ = server.Close()
	}()
	fmt.Println(ln.Addr())
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// join is a node on Redis.
func join(redis string, key ed25519.PublicKey) (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return nil, err
	}
	shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: redis})
	if err != nil {
		return nil, err
	}
	shards := []*centrifuge.RedisShard{shard}
	broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Shards: shards})
	if err != nil {
		return nil, err
	}
	node.SetBroker(broker)
	presence, err := centrifuge.NewRedisPresenceManager(node, centrifuge.RedisPresenceManagerConfig{Shards: shards})
	if err != nil {
		return nil, err
	}
	node.SetPresenceManager(presence)
	node.OnConnecting(func(_ context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return admit(key, e.Token)
	})
	node.OnConnect(func(*centrifuge.Client) {})
	return node, node.Run()
}

// claims are those of a token, as far as this peer needs them.
type claims struct {
	jwt.RegisteredClaims
	Device string `json:"sid"`
}

var parser = jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithExpirationRequired())

// admit checks the token and says what the socket is subscribed to.
func admit(key ed25519.PublicKey, token string) (centrifuge.ConnectReply, error) {
	var c claims
	if _, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
		return centrifuge.ConnectReply{}, centrifuge.DisconnectInvalidToken
	}
	info, err := json.Marshal(map[string]string{"device": c.Device})
	if err != nil {
		return centrifuge.ConnectReply{}, err
	}
	return centrifuge.ConnectReply{
		Credentials:       &centrifuge.Credentials{UserID: c.Subject, ExpireAt: c.ExpiresAt.Unix(), Info: info},
		ClientSideRefresh: true,
		Subscriptions: map[string]centrifuge.SubscribeOptions{
			personal(c.Subject): {EmitPresence: true, EmitJoinLeave: true, PushJoinLeave: true},
		},
	}, nil
}

// personal is the channel of a user, as Centrifugo names it.
func personal(user string) string { return "#" + user }

func routes(node *centrifuge.Node) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	mux.HandleFunc("POST /kick", func(w http.ResponseWriter, r *http.Request) {
		answer(w, node.Disconnect(r.URL.Query().Get("user")))
	})
	mux.HandleFunc("POST /message", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err == nil {
			_, err = node.Publish(personal(r.URL.Query().Get("user")), data)
		}
		answer(w, err)
	})
	mux.HandleFunc("GET /sockets", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, node.Hub().NumClients())
	})
	mux.HandleFunc("GET /nodes", func(w http.ResponseWriter, _ *http.Request) {
		info, err := node.Info()
		if err != nil {
			answer(w, err)
			return
		}
		fmt.Fprint(w, len(info.Nodes))
	})
	return mux
}

func answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
