// Serves web config files with prometheus/exporter-toolkit, so that a test can ask it and ours the same.
//
// Each argument is a file. For each, one line of JSON says on which port of 127.0.0.1 it is served, or why it is not.
// It ends when its standard input does.
package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/prometheus/exporter-toolkit/web"
)

type outcome struct {
	File  string `json:"file"`
	Port  int    `json:"port,omitempty"`
	Error string `json:"error,omitempty"`
}

// telling is a listener that says when it is waited on, which is when a file has been found good.
type telling struct {
	net.Listener
	once sync.Once
	on   chan struct{}
}

func (t *telling) Accept() (net.Conn, error) {
	t.once.Do(func() { close(t.on) })
	return t.Listener.Accept()
}

func serve(file string) outcome {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return outcome{File: file, Error: err.Error()}
	}
	served := &telling{Listener: listener, on: make(chan struct{})}
	refused := make(chan error, 1)
	go func() {
		handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
		logger := slog.New(slog.NewTextHandler(io.Discard, nil))
		server := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelError)}
		refused <- web.Serve(served, server, &web.FlagConfig{WebConfigFile: &file}, logger)
	}()
	select {
	case err := <-refused:
		return outcome{File: file, Error: err.Error()}
	case <-served.on:
		return outcome{File: file, Port: listener.Addr().(*net.TCPAddr).Port}
	}
}

func main() {
	for _, file := range os.Args[1:] {
		json.NewEncoder(os.Stdout).Encode(serve(file))
	}
	io.Copy(io.Discard, os.Stdin)
}
