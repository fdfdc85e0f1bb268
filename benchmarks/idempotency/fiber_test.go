package idempotency_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	fiberv2 "github.com/gofiber/fiber/v2"
	idempotencyv2 "github.com/gofiber/fiber/v2/middleware/idempotency"
	fiberv3 "github.com/gofiber/fiber/v3"
	idempotencyv3 "github.com/gofiber/fiber/v3/middleware/idempotency"
	"github.com/gofiber/utils/v2"
	"github.com/valyala/fasthttp"
)

// fiberExchange calls the fasthttp handler of an app with one context, as
// fasthttp does for the requests of one connection.
type fiberExchange struct {
	serve fasthttp.RequestHandler
	ctx   fasthttp.RequestCtx
	store *fiberStore // nil: no middleware
	count int
}

func newFiber(store *fiberStore) *fiberExchange {
	x := &fiberExchange{store: store}
	req := &x.ctx.Request
	req.Header.SetMethod("POST")
	req.SetRequestURI("/charges")
	req.Header.SetContentType(contentType)
	req.SetBodyString(payload)
	return x
}

func newFiberV2(store *fiberStore) exchange {
	x := newFiber(store)
	app := fiberv2.New()
	if store != nil {
		app.Use(idempotencyv2.New(idempotencyv2.Config{Storage: store}))
	}
	app.Post("/charges", func(c *fiberv2.Ctx) error {
		x.count++
		_ = c.Body()
		c.Set("Content-Type", contentType)
		c.Set(ownHeader, ownValue)
		return c.Status(status).Send(result)
	})
	x.serve = app.Handler()
	return x
}

func newFiberV3(store *fiberStore) exchange {
	x := newFiber(store)
	app := fiberv3.New()
	if store != nil {
		app.Use(idempotencyv3.New(idempotencyv3.Config{Storage: store}))
	}
	app.Post("/charges", func(c fiberv3.Ctx) error {
		x.count++
		_ = c.Body()
		c.Set("Content-Type", contentType)
		c.Set(ownHeader, ownValue)
		return c.Status(status).Send(result)
	})
	x.serve = app.Handler()
	return x
}

func (x *fiberExchange) post(key string) {
	if key == "" {
		x.ctx.Request.Header.Del(keyHeader)
	} else {
		x.ctx.Request.Header.Set(keyHeader, key)
	}
	x.ctx.Response.Reset()
	x.ctx.ResetUserValues()
	x.serve(&x.ctx)
}

func (x *fiberExchange) answer() answer {
	resp := &x.ctx.Response
	return answer{resp.StatusCode(), string(resp.Header.ContentType()), string(resp.Header.Peek(ownHeader)), string(resp.Body())}
}

func (x *fiberExchange) runs() int { return x.count }

func (x *fiberExchange) renew() {
	if x.store != nil {
		_ = x.store.Reset()
	}
}

func (x *fiberExchange) close() {}

// fiberStore does what the store that is fiber's default does with an entry:
// copies it in and out under one lock, and takes the time from fiber's ticker.
type fiberStore struct {
	mu      sync.RWMutex
	entries map[string]fiberEntry
}

type fiberEntry struct {
	data    []byte
	expires uint32
}

func newFiberStore() *fiberStore {
	utils.StartTimeStampUpdater()
	return &fiberStore{entries: map[string]fiberEntry{}}
}

func (s *fiberStore) Get(key string) ([]byte, error) {
	s.mu.RLock()
	entry, ok := s.entries[key]
	s.mu.RUnlock()
	if !ok || entry.expires <= utils.Timestamp() {
		return nil, nil
	}
	return bytes.Clone(entry.data), nil
}

func (s *fiberStore) Set(key string, data []byte, ttl time.Duration) error {
	entry := fiberEntry{bytes.Clone(data), utils.Timestamp() + uint32(ttl.Seconds())}
	key = strings.Clone(key)
	s.mu.Lock()
	s.entries[key] = entry
	s.mu.Unlock()
	return nil
}

func (s *fiberStore) Delete(key string) error {
	s.mu.Lock()
	delete(s.entries, key)
	s.mu.Unlock()
	return nil
}

func (s *fiberStore) Reset() error {
	s.mu.Lock()
	s.entries = map[string]fiberEntry{}
	s.mu.Unlock()
	return nil
}

func (*fiberStore) Close() error { return nil }

func (s *fiberStore) GetWithContext(_ context.Context, key string) ([]byte, error) {
	return s.Get(key)
}

func (s *fiberStore) SetWithContext(_ context.Context, key string, data []byte, ttl time.Duration) error {
	return s.Set(key, data, ttl)
}

func (s *fiberStore) DeleteWithContext(_ context.Context, key string) error { return s.Delete(key) }

func (s *fiberStore) ResetWithContext(context.Context) error { return s.Reset() }
