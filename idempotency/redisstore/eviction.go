package redisstore

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// configGetter is what clients of one server have besides scripts.
type configGetter interface {
	ConfigGet(ctx context.Context, parameter string) *redis.MapStringStringCmd
}

const (
	maxmemoryPolicy = "maxmemory-policy"
	noEviction      = "noeviction"
)

// warnOfEviction waits a second at most: a client may not look at its context,
// and its own timeouts then end the goroutine.
func warnOfEviction(client configGetter, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	policy := make(chan string, 1)
	go func() {
		config, _ := client.ConfigGet(ctx, maxmemoryPolicy).Result() // many servers do not tell
		policy <- config[maxmemoryPolicy]
	}()
	select {
	case p := <-policy:
		if p != "" && p != noEviction {
			logger.LogAttrs(ctx, slog.LevelWarn, "Redis may evict idempotency records: set maxmemory-policy to noeviction",
				slog.String("maxmemory_policy", p))
		}
	case <-ctx.Done():
	}
}
