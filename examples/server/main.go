// Command server is a small iPaaS built from Bracework's packages: a webhook
// comes in, is rate limited by its tenant's tier, run once per idempotency key,
// turned into a message by a template, and sent. It needs no account, network
// or other program; a built-in receiver stands in for Slack.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Getenv, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then drains.
func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	cfg, err := loadConfig(getenv)
	if err != nil {
		return err
	}
	a, err := newApp(ctx, cfg, stdout)
	if err != nil {
		return err
	}
	return a.serve(ctx)
}
