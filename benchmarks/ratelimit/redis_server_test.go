package ratelimit_test

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bracework/bracework/internal/enginetest"
	"github.com/redis/go-redis/v9"
)

// patience is how long is waited for what no machine should need, where a
// timeout is not the subject.
const patience = 30 * time.Second

// server is a redis-server that nobody else uses.
type server struct {
	*enginetest.RedisServer

	admin *redis.Client // none of the contenders
}

// startServer skips the test where no redis-server is installed.
func startServer(t *testing.T) *server {
	t.Helper()
	s := &server{RedisServer: enginetest.Redis(t)}
	s.admin = redis.NewClient(&redis.Options{Addr: s.Addr()})
	t.Cleanup(func() { _ = s.admin.Close() })
	return s
}

// flush removes all keys.
func (s *server) flush() { must(s.admin.FlushAll(context.Background()).Result()) }

// keys counts all keys.
func (s *server) keys() int { return int(must(s.admin.DBSize(context.Background()).Result())) }

// reads counts how often the server has read from a connection. A call is one
// read, a pipeline is one, and so is asking for this.
func (s *server) reads() int {
	_, rest, _ := strings.Cut(must(s.admin.Info(context.Background(), "stats").Result()), "total_reads_processed:")
	digits, _, _ := strings.Cut(rest, "\r\n")
	return must(strconv.Atoi(digits))
}

// connection is what one contender has of a server.
type connection struct {
	*redis.Client

	name  string       // of the contender
	calls atomic.Int64 // counted by a hook, a pipeline once
}

// connect makes a client, with the defaults of go-redis where opts are empty.
func (s *server) connect(name string, opts redis.Options) *connection {
	opts.Addr = s.Addr()
	c := &connection{name: name, Client: redis.NewClient(&opts)}
	c.AddHook(c)
	return c
}

func (c *connection) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *connection) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.calls.Add(1)
		return next(ctx, cmd)
	}
}

func (c *connection) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.calls.Add(1)
		return next(ctx, cmds)
	}
}
