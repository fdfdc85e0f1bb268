package ratelimit

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
)

const defaultIPv6Prefix = 64

var (
	errNoPeer     = errors.New("ratelimit: request without a peer address")
	errNoResolver = errors.New("ratelimit: IPResolver is nil")
)

// IPResolver finds the address of the client that sent a request. Its methods
// may be called concurrently.
//
// The address that no client can choose is the peer's, the other end of the
// connection ([http.Request.RemoteAddr]). Behind a proxy the peer is the proxy,
// and the client's address is in a header, which anybody can send. Therefore a
// header counts only when the peer is trusted, and in it only what trusted
// proxies have written: X-Forwarded-For, all its lines as one list, is read
// from the right, trusted addresses are skipped, and the first other address is
// the client. Whatever stands left of it is the client's own text.
//
//	the list                      the client
//	an address not trusted        that address
//	trusted addresses only        the leftmost
//	an empty or unreadable entry  the last address read before it, or the peer
//	64 trusted entries or more    the 64th from the right
//
// Ports, brackets and zones are dropped, and an IPv4-mapped IPv6 address is the
// IPv4 address. X-Real-IP and its like count only when [IPConfig.Header] names
// them.
//
// # What to trust
//
// List the addresses from which your own proxies connect, and nothing else:
//
//	clients connect directly     nothing
//	a load balancer              the subnets of its nodes
//	a CDN before the balancer    both, or the balancer's and IPConfig.Header
//
// Each of these proxies has to append the address of its peer to the header, or
// to replace the header. One that hands on what it received lets clients choose
// their address. To verify a deployment, send a request from outside with
// X-Forwarded-For: 192.0.2.1, and see that Addr returns the sender's address.
//
// A server on a Unix socket has no peer address. Middleware that overwrites
// RemoteAddr belongs inside of the limiter: what it found in a header would
// pass for the peer.
type IPResolver struct {
	trusted []netip.Prefix // mapped ones as IPv4
	cfg     IPConfig       // Header in canonical form
}

// IPConfig configures an [IPResolver]. The zero value reads X-Forwarded-For and
// limits IPv6 by /64.
type IPConfig struct {
	// IPv6Prefix is how many leading bits of an IPv6 address name a client for
	// [ByIP]: 1 to 128. Networks usually get a /64, so a client can change all
	// bits after it at will; some providers hand out a /56 or a /48. IPv4
	// addresses always count whole. Default: 64.
	//
	// An address translated from IPv4 (64:ff9b::/96, RFC 6052) is an IPv6
	// address like any other: where clients arrive with such addresses, use 128.
	IPv6Prefix int
	// Forwarded reads the Forwarded header (RFC 7239) in place of
	// X-Forwarded-For. Set it only when the trusted proxies write Forwarded:
	// those that do not know it hand on the client's.
	Forwarded bool
	// Header names a header in which the layer in front sends the client's
	// address alone, read in place of X-Forwarded-For: CF-Connecting-IP,
	// Fly-Client-IP, True-Client-IP, X-Real-IP. When it is missing, repeated, or
	// anything but one address, the client is the peer. That layer has to
	// overwrite it, and nobody may reach the trusted proxies past that layer.
	// Excludes Forwarded.
	Header string
}

// NewIPResolver returns an IPResolver that believes the headers of peers in
// trusted; without any, the client is always the peer. A prefix of IPv4-mapped
// addresses is the IPv4 prefix. The slice is copied.
//
// All misconfigurations are reported, in one error. Among them is a prefix of
// zero bits (0.0.0.0/0, ::/0) unless Header is set: with every address
// trusted, the client would be the leftmost one, which clients choose.
func NewIPResolver(trusted []netip.Prefix, cfg IPConfig) (*IPResolver, error) {
	errs := []error{cfg.validate()}
	x := &IPResolver{cfg: cfg, trusted: make([]netip.Prefix, 0, len(trusted))}
	for i, given := range trusted {
		p, err := unmapPrefix(given)
		switch {
		case err != nil:
			err = fmt.Errorf("ratelimit: trusted[%d] (%v) %w", i, given, err)
		case p.Bits() == 0 && cfg.Header == "":
			err = fmt.Errorf("ratelimit: trusted[%d] (%v) holds every address, so clients could choose theirs", i, given)
		}
		errs = append(errs, err)
		x.trusted = append(x.trusted, p)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	x.cfg.Header = http.CanonicalHeaderKey(cfg.Header)
	return x, nil
}

func (c IPConfig) validate() error {
	var errs []error
	if c.IPv6Prefix < 0 || c.IPv6Prefix > 128 {
		errs = append(errs, fmt.Errorf("ratelimit: IPConfig.IPv6Prefix is %d, outside of 0 to 128", c.IPv6Prefix))
	}
	if tokenLen(c.Header) != len(c.Header) {
		errs = append(errs, fmt.Errorf("ratelimit: IPConfig.Header %q is no field name", c.Header))
	}
	if c.Forwarded && c.Header != "" {
		errs = append(errs, errors.New("ratelimit: IPConfig has both Forwarded and Header"))
	}
	return errors.Join(errs...)
}

// unmapPrefix is p as the addresses are compared with it: unmapped.
func unmapPrefix(p netip.Prefix) (netip.Prefix, error) {
	const mapped = 96
	switch {
	case !p.IsValid():
		return p, errors.New("is no prefix")
	case !p.Addr().Is4In6():
		return p, nil
	case p.Bits() < mapped:
		// Most likely an IPv4 length behind a mapped address, which would trust
		// a large part of IPv6 and no IPv4 at all.
		return p, errors.New("is shorter than the 96 bits of an IPv4-mapped prefix")
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped), nil
}

// Addr returns the client's address: unmapped and without a zone. It fails only
// when the request has no peer address, or the IPResolver is nil.
func (x *IPResolver) Addr(r *http.Request) (netip.Addr, error) {
	if x == nil {
		return netip.Addr{}, errNoResolver
	}
	peer := parseNode(r.RemoteAddr)
	switch {
	case !peer.IsValid():
		return netip.Addr{}, errNoPeer
	case !x.trusts(peer):
		return peer, nil
	case x.cfg.Header != "":
		return single(peer, r.Header[x.cfg.Header]), nil
	case x.cfg.Forwarded:
		return x.walk(peer, r.Header["Forwarded"], lastForwarded), nil
	default:
		return x.walk(peer, r.Header["X-Forwarded-For"], lastXForwardedFor), nil
	}
}

func (x *IPResolver) trusts(addr netip.Addr) bool {
	for _, p := range x.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// single is the address that a header of one line and one address gives, or
// the peer's.
func single(peer netip.Addr, lines []string) netip.Addr {
	if len(lines) != 1 {
		return peer
	}
	if addr := parseNode(trimOWS(lines[0])); addr.IsValid() {
		return addr
	}
	return peer
}

// ByIP takes the client's address as the key: "203.0.113.7", or the network of
// an IPv6 address, such as "2001:db8::/64". It suits limits in front of
// authentication; many people can share one address. When res finds no address
// or is nil, the request has no key.
func ByIP(res *IPResolver) KeyFunc {
	return func(r *http.Request) (string, error) {
		addr, err := res.Addr(r)
		if err != nil {
			return "", err
		}
		return res.key(addr), nil
	}
}

func (x *IPResolver) key(addr netip.Addr) string {
	var buf [len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128")]byte
	if addr.Is4() {
		return string(addr.AppendTo(buf[:0]))
	}
	// The zero IPResolver has no prefix length either.
	network := netip.PrefixFrom(addr, cmp.Or(x.cfg.IPv6Prefix, defaultIPv6Prefix)).Masked()
	return string(network.AppendTo(buf[:0]))
}
