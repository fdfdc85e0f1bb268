package httprequest

import (
	"net/http"
	"strconv"

	"github.com/bracework/bracework/connectors"
	"github.com/bracework/bracework/connectors/internal/provider"
)

// badCertificate is the message of connectors for a host that was reached, and did
// not prove its name.
const badCertificate = "the certificate is not valid"

// judge returns what is wrong with an answer, or nil.
func judge(resp *http.Response) *connectors.Error {
	status := resp.StatusCode
	if status >= 200 && status < 300 {
		return nil
	}
	e := &connectors.Error{Status: status, Kind: connectors.KindOfStatus(status), Code: "http_" + strconv.Itoa(status)}
	switch {
	case status >= 300 && status < 400:
		e.Code, e.Message = "redirect", "the receiver redirects, which is not followed"
	case e.Kind == connectors.KindAuth:
		e.Message = "the receiver does not accept the credentials"
	case e.Kind == connectors.KindNotFound, e.Kind == connectors.KindGone:
		e.Message = "the receiver knows no such address"
	case e.Kind == connectors.KindRateLimited:
		e.Message = "the receiver limits the rate"
	case e.Kind == connectors.KindServer:
		e.Message = "the receiver failed"
	case e.Kind == connectors.KindTimeout:
		e.Message = "the receiver gave up waiting"
	default:
		e.Message = "the receiver refused the request"
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		e.RetryAfter = provider.RetryAfter(resp.Header)
	}
	return e
}

// alike is the error of a call that has no answer. What it could say of one that
// made no connection is about the network, so that all these say the same.
func (c *Connector) alike(err error) *connectors.Error {
	e := provider.Named(name, "", "", err)
	switch e.Kind {
	case connectors.KindBlocked, connectors.KindNetwork, connectors.KindTimeout:
	default:
		return e
	}
	switch {
	case c.guard == nil || e.Code == "dry_run":
	case e.Message == badCertificate:
		e.Code = "certificate"
	case e.Unsent:
		e.Message, e.Code = unreachable, "unreachable"
	}
	return e
}

func named(op, host string, err error) *connectors.Error { return provider.Named(name, op, host, err) }
