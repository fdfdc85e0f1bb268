package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bracework/bracework/connectors"
)

// config is the environment of the server.
type config struct {
	addr         string               // ADDR, default 127.0.0.1:8080
	dataDir      string               // DATA_DIR, default a folder under the user's cache directory
	drainDelay   time.Duration        // DRAIN_DELAY, default 0s: how long ready says 503 before the listener closes
	healthEvery  time.Duration        // HEALTH_EVERY, default 10s: pause between two runs of the checks that touch the disk
	logLevel     slog.Level           // LOG_LEVEL, default INFO
	slackWebhook connectors.Secret    // SLACK_WEBHOOK_URL, default the built-in receiver
	signatures   map[string]signature // WEBHOOK_SECRETS, by workflow, default none
}

// loadConfig reads the environment. Its error names the variable, and never
// repeats the value of one that holds a secret.
func loadConfig(getenv func(string) string) (config, error) {
	cfg := config{addr: "127.0.0.1:8080", healthEvery: 10 * time.Second}
	if v := getenv("ADDR"); v != "" {
		cfg.addr = v
	}
	if err := checkAddr(cfg.addr); err != nil {
		return config{}, fmt.Errorf("ADDR=%q: %w", cfg.addr, err)
	}
	if v := getenv("DRAIN_DELAY"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return config{}, fmt.Errorf("DRAIN_DELAY=%q: want a duration such as 5s", v)
		}
		cfg.drainDelay = d
	}
	if v := getenv("HEALTH_EVERY"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			return config{}, fmt.Errorf("HEALTH_EVERY=%q: want a duration above 0 such as 10s", v)
		}
		cfg.healthEvery = d
	}
	if v := getenv("LOG_LEVEL"); v != "" {
		if err := cfg.logLevel.UnmarshalText([]byte(v)); err != nil {
			return config{}, fmt.Errorf("LOG_LEVEL=%q: want DEBUG, INFO, WARN or ERROR", v)
		}
	}
	if v := getenv("SLACK_WEBHOOK_URL"); v != "" {
		cfg.slackWebhook = connectors.NewSecret(v)
	}
	var err error
	if cfg.signatures, err = parseSignatures(getenv("WEBHOOK_SECRETS")); err != nil {
		return config{}, fmt.Errorf("WEBHOOK_SECRETS: %w", err)
	}
	cfg.dataDir = getenv("DATA_DIR")
	if cfg.dataDir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		cfg.dataDir = filepath.Join(cache, "bracework-server")
	}
	if err := os.MkdirAll(cfg.dataDir, 0o700); err != nil {
		return config{}, fmt.Errorf("DATA_DIR=%q: %w", cfg.dataDir, err)
	}
	return cfg, nil
}

func checkAddr(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return errors.New("want host:port, :port or :0")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is no port", port)
	}
	return nil
}
