package breaker_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/afex/hystrix-go/hystrix"
	"github.com/bracework/bracework/breaker"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/sony/gobreaker/v2"
)

// stub answers at once, with 200 or 500, and says how often it was called.
type stub struct {
	good, bad *http.Response
	body      io.ReadCloser
	fail      bool
	called    int
}

func newStub() *stub {
	return &stub{
		good: &http.Response{StatusCode: http.StatusOK, Header: http.Header{}},
		bad:  &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}},
		body: io.NopCloser(strings.NewReader("")),
	}
}

func (s *stub) RoundTrip(*http.Request) (*http.Response, error) {
	s.called++
	resp := s.good
	if s.fail {
		resp = s.bad
	}
	resp.Body = s.body
	return resp, nil
}

// roundTrippers are contenders in front of a stub.
func roundTrippers() []contender {
	wrap := func(name string, free int, wrapped func(http.RoundTripper) http.RoundTripper, refusal error) contender {
		return contender{name: name, free: free, freeRefused: free, refusal: refusal, open: func(upstream func(bool) error) circuit {
			s := newStub()
			rt := wrapped(s)
			r := must(http.NewRequestWithContext(context.Background(), http.MethodGet, "https://api.example.com/v1/things", http.NoBody))
			var room [1]byte
			return func(fail bool) error {
				s.fail = fail
				before := s.called
				resp, err := rt.RoundTrip(r)
				if s.called > before {
					_ = upstream(fail)
				}
				if err != nil {
					return err
				}
				_, _ = resp.Body.Read(room[:])
				_ = resp.Body.Close()
				if fail {
					return errDown
				}
				return nil
			}
		}}
	}
	return []contender{
		wrap("bare", 0, func(rt http.RoundTripper) http.RoundTripper { return rt }, nil),
		wrap(raw, -1, func(rt http.RoundTripper) http.RoundTripper {
			return byGobreaker{rt, gobreaker.NewCircuitBreaker[*http.Response](gobreakerSettings())}
		}, gobreaker.ErrOpenState),
		wrap(ours, 2, func(rt http.RoundTripper) http.RoundTripper {
			return breaker.Transport(rt, must(breaker.NewGroup(0, rules())), breaker.TransportConfig{})
		}, breaker.ErrOpen),
		wrap("failsafe-go", -1, func(rt http.RoundTripper) http.RoundTripper {
			return failsafehttp.NewRoundTripper(rt, circuitbreaker.NewBuilder[*http.Response]().
				HandleIf(func(resp *http.Response, err error) bool {
					return err != nil || resp != nil && resp.StatusCode >= http.StatusInternalServerError
				}).
				WithFailureRateThreshold(0.5, minCalls, window).WithDelay(openFor).Build())
		}, circuitbreaker.ErrOpen),
		wrap("hystrix-go", -1, func(rt http.RoundTripper) http.RoundTripper { return byHystrix{rt, newCommand()} }, hystrix.ErrCircuitOpen),
	}
}

// errStatus counts an answer as a failure.
var errStatus = errors.New("status")

type byGobreaker struct {
	next http.RoundTripper
	cb   *gobreaker.CircuitBreaker[*http.Response]
}

func (b byGobreaker) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.cb.Execute(func() (*http.Response, error) {
		resp, err := b.next.RoundTrip(r)
		if err == nil && resp.StatusCode >= http.StatusInternalServerError {
			err = errStatus
		}
		return resp, err
	})
	if err == errStatus { //nolint:errorlint // it comes as it is
		err = nil
	}
	return resp, err
}

type byHystrix struct {
	next http.RoundTripper
	name string
}

func (b byHystrix) RoundTrip(r *http.Request) (*http.Response, error) {
	var resp *http.Response
	err := hystrix.Do(b.name, func() error {
		var err error
		resp, err = b.next.RoundTrip(r)
		if err == nil && resp.StatusCode >= http.StatusInternalServerError {
			err = errStatus
		}
		return err
	}, nil)
	if err == errStatus { //nolint:errorlint // it comes as it is
		err = nil
	}
	return resp, err
}
