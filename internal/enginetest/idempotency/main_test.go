package idempotency_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bracework/bracework/idempotency"
	"github.com/stretchr/testify/require"

	"github.com/bracework/bracework/internal/enginetest"
)

// replica is the role of a child: a service with the middleware over the store
// that its arguments name.
const replica = "replica"

const (
	// childLease is the lease of replicas. A test that kills one waits for it.
	childLease = 500 * time.Millisecond
	// patientLease is that of replicas that nobody kills: no machine is so busy
	// that they cannot renew it.
	patientLease = "1m"
)

func TestMain(m *testing.M) {
	if role, ok := enginetest.IsChild(); ok {
		if role == replica {
			if err := serve(shared{os.Args[1], os.Args[2]}, os.Args[3:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serve(s shared, lease []string) error {
	cfg := idempotency.Config{Lease: childLease}
	if len(lease) > 0 {
		d, err := time.ParseDuration(lease[0])
		if err != nil {
			return err
		}
		cfg.Lease, cfg.StoreTimeout = d, d/2
	}
	o, err := s.open(context.Background())
	if err != nil {
		return err
	}
	m, err := idempotency.New(o, idempotency.SingleTenant, cfg)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening", listener.Addr())
	mux := http.NewServeMux()
	mux.Handle("POST /effect", m.Handler(effectHandler(o)))
	if o.sql != nil {
		mux.Handle("POST /tx", m.Handler(txHandler(o)))
	}
	return (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(listener)
}

// pause is how long the handler takes after its effect, in milliseconds. A
// header is no part of what makes a request the same.
func pause(r *http.Request) {
	ms, _ := strconv.Atoi(r.Header.Get("X-Pause"))
	<-time.After(time.Duration(ms) * time.Millisecond) // stands for work, in another process
}

func answer(w http.ResponseWriter, info idempotency.Info) {
	w.Header().Set("X-Attempt", strconv.Itoa(info.Attempt))
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, "%s by %d", info.Key, os.Getpid())
}

func effectHandler(o *opened) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, _ := idempotency.FromContext(r.Context())
		if err := o.add(r.Context(), info.Key); err != nil {
			http.Error(w, "effect", http.StatusBadGateway)
			return
		}
		pause(r)
		answer(w, info)
	})
}

func txHandler(o *opened) http.Handler {
	return o.sql.InTx(func(w http.ResponseWriter, r *http.Request, begin func() (*sql.Tx, error)) error {
		info, _ := idempotency.FromContext(r.Context())
		tx, err := begin()
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(r.Context(), "INSERT INTO effects (key) VALUES ($1)", info.Key); err != nil {
			return err
		}
		pause(r)
		answer(w, info)
		return nil
	})
}

// reply is what a client saw; status 0 is a broken connection.
type reply struct {
	status   int
	body     string
	attempt  string
	replayed bool
}

func post(ctx context.Context, client *http.Client, url, key string, pause int) reply {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("pay"))
	if err != nil {
		return reply{}
	}
	r.Header.Set("Idempotency-Key", key)
	r.Header.Set("X-Pause", strconv.Itoa(pause))
	r.GetBody = nil // net/http is not to try again by itself
	resp, err := client.Do(r)
	if err != nil {
		return reply{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}
	}
	return reply{resp.StatusCode, string(body), resp.Header.Get("X-Attempt"), resp.Header.Get("X-Idempotency-Replay") == "true"}
}

// postUntil posts again until the answer is 201 or the time is over.
func postUntil(t *testing.T, client *http.Client, url, key string, limit time.Duration) reply {
	t.Helper()
	var last reply
	require.Eventually(t, func() bool {
		last = post(t.Context(), client, url, key, 0)
		return last.status == http.StatusCreated
	}, limit, 10*time.Millisecond, "last answer: %+v", &last)
	return last
}

// newClient keeps connections, as many as there are requests.
func newClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 1000}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// rounds is how often a test repeats its fault: BRACEWORK_ROUNDS, or 5.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("BRACEWORK_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return 5
}
