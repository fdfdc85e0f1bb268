package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// sink stands in for Slack: it takes what an incoming webhook takes, answers as
// Slack answers, and shows what it got.
type sink struct {
	mu       sync.Mutex
	messages []sinkMessage
	bytes    int // of their texts
}

type sinkMessage struct {
	Text       string    `json:"text"` // as received, entities included
	ReceivedAt time.Time `json:"received_at"`
}

// What is kept; the oldest go first.
const (
	sinkMessages = 10_000
	sinkBytes    = 16 << 20
)

func (s *sink) slack(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	var message struct {
		Text   string          `json:"text"`
		Blocks json.RawMessage `json:"blocks"`
	}
	switch {
	case err != nil || json.Unmarshal(body, &message) != nil:
		http.Error(w, "invalid_payload", http.StatusBadRequest)
	case message.Text == "" && len(message.Blocks) == 0:
		http.Error(w, "no_text", http.StatusBadRequest)
	default:
		s.add(message.Text)
		_, _ = io.WriteString(w, "ok")
	}
}

func (s *sink) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += len(text)
	for len(s.messages) > 0 && (len(s.messages) >= sinkMessages || s.bytes > sinkBytes) {
		s.bytes -= len(s.messages[0].Text)
		s.messages = s.messages[1:]
	}
	s.messages = append(s.messages, sinkMessage{Text: text, ReceivedAt: time.Now().UTC()})
}

func (s *sink) all() []sinkMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sinkMessage{}, s.messages...)
}

func (s *sink) list(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"messages": s.all()})
}

// serveSink runs the receiver on a loopback listener of its own: requests that
// finish while the public listener is closed still reach it.
func serveSink(ctx context.Context, s *sink) (url string, closeSink func() error, err error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sink/slack", s.slack)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	return "http://" + ln.Addr().String() + "/sink/slack", func() error {
		err := srv.Close()
		if serveErr := <-done; !errors.Is(serveErr, http.ErrServerClosed) {
			err = errors.Join(err, serveErr)
		}
		return err
	}, nil
}
