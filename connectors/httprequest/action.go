package httprequest

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// Execute makes the request of an action, whose configuration the package comment
// describes. The message of the result has the status and nothing else of the
// answer.
func (c *Connector) Execute(ctx context.Context, a connectors.Action) (connectors.Result, error) {
	start := time.Now()
	status, err := c.execute(ctx, a)
	return connectors.NewResult(start, answered(status), err), err
}

func answered(status int) string { return "answered with status " + strconv.Itoa(status) }

func (c *Connector) execute(ctx context.Context, a connectors.Action) (int, error) {
	const op = "execute"
	ctx, cancel := context.WithTimeout(ctx, c.client.Timeout())
	defer cancel()
	conf, e := parse(a.Config, never)
	if e != nil {
		return 0, named(op, "", e)
	}
	p, e := c.check(conf.request, never)
	if e != nil {
		return 0, named(op, e.Host, e)
	}
	p.media = conf.media
	resp, err := c.send(ctx, p)
	if err != nil {
		return 0, named(op, p.url.Host, err)
	}
	drain(resp)
	if e := judge(resp); e != nil {
		return 0, named(op, p.url.Host, e)
	}
	return resp.StatusCode, nil
}

// Test asks for the header of [Config.TestURL], without credentials. A 2xx is a
// success, a redirect too, and so are 405 and 501, with which a server says that
// it does not serve HEAD. Without a TestURL there is nothing to test, since each
// action has a URL of its own: the result is a success that says so.
func (c *Connector) Test(ctx context.Context) connectors.Result {
	start := time.Now()
	if c.test == nil {
		return connectors.NewResult(start, "nothing was tested: each action has a URL of its own", nil)
	}
	ctx, cancel := context.WithTimeout(connectors.ProbeContext(ctx), c.client.Timeout())
	defer cancel()
	status, err := c.probe(ctx)
	return connectors.NewResult(start, answered(status), err)
}

func (c *Connector) probe(ctx context.Context) (int, error) {
	const op = "test"
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, c.test.String(), http.NoBody)
	if err != nil {
		return 0, named(op, c.test.Host, provider.Invalid("invalid_request", "the request cannot be made"))
	}
	resp, err := c.client.Call(r, connectors.CallOptions{})
	if err != nil {
		return 0, named(op, c.test.Host, c.alike(err))
	}
	drain(resp)
	e := judge(resp)
	if e == nil || e.Code == "redirect" || e.Status == http.StatusMethodNotAllowed || e.Status == http.StatusNotImplemented {
		return resp.StatusCode, nil
	}
	return 0, named(op, c.test.Host, e)
}
