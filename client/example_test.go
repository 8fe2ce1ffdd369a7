package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/gatehouse-dev/gatehouse"
	"github.com/gatehouse-dev/gatehouse/client"
	"github.com/gatehouse-dev/gatehouse/hub/wire"
)

// A phone watches the devices of its user, until the laptop signs it out.
func Example() {
	url, stop := gate()
	defer stop()
	ctx := context.Background()

	phone := client.New(client.Config{BaseURL: url, DeviceName: "Phone"})
	if _, _, err := phone.Register(ctx, "ann@example.com", "correct horse battery"); err != nil {
		log.Fatal(err)
	}
	laptop := client.New(client.Config{BaseURL: url, DeviceName: "Laptop"})
	if _, _, err := laptop.Login(ctx, "ann@example.com", "correct horse battery"); err != nil {
		log.Fatal(err)
	}

	seen := make(chan []wire.Session, 1)
	socket := phone.Connect(ctx, client.Handlers{
		Devices: func(list []wire.Session, change *wire.DevicesChanged) {
			if change == nil { // a snapshot
				seen <- list
			}
		},
	})
	defer socket.Close()
	if err := socket.Subscribe(ctx, wire.FeedDevices); err != nil {
		log.Fatal(err)
	}
	for _, device := range <-seen {
		fmt.Println(device.Name, "online:", device.Online)
		if device.Current {
			if err := laptop.EndSession(ctx, device.ID); err != nil {
				log.Fatal(err)
			}
		}
	}

	<-socket.Done()
	var end *client.EndedError
	if errors.As(socket.Err(), &end) {
		fmt.Printf("%s (%d) by %s\n", end.Reason, end.Code, end.By.Name)
	}
	_, err := phone.Me(ctx)
	fmt.Println(errors.As(err, &end))

	// Output:
	// Phone online: true
	// Laptop online: false
	// session_revoked (4501) by Laptop
	// true
}

// gate serves a Gatehouse of its own in this process.
func gate() (url string, stop func()) {
	dir, err := os.MkdirTemp("", "gatehouse")
	if err != nil {
		log.Fatal(err)
	}
	cfg, err := gatehouse.Configure([]string{"--store=sqlite:" + filepath.Join(dir, "gatehouse.db"), "--mail-dir=" + filepath.Join(dir, "mail")}, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	g, err := gatehouse.Open(context.Background(), cfg, gatehouse.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(g.Handler())
	return server.URL, func() {
		server.Close()
		_ = g.Close()
		_ = os.RemoveAll(dir)
	}
}
