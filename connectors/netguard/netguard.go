// Package netguard keeps requests to URLs that a customer chose out of the
// networks that only the operator may reach (server-side request forgery, SSRF,
// CWE-918). It needs the standard library only and starts no goroutine.
//
//	guard, err := netguard.New(netguard.Config{})
//	client := &http.Client{
//		Transport:     guard.Transport(nil),
//		CheckRedirect: guard.CheckRedirect,
//		Timeout:       10 * time.Second,
//	}
//
// # Model
//
// A name says nothing about where a connection goes: whoever owns the domain
// decides that anew at each lookup (DNS rebinding). The address decides, and
// [Guard.Control] sees it after the lookup, between the creation of the socket
// and its connection. What is connected to is what was checked, for each address
// of a host and for each attempt. There are three places to check:
//
//	[Guard.CheckURL]       the text of a URL: when a customer saves it, and before it is called
//	[Guard.CheckRedirect]  the same for each redirect, and what goes along
//	[Guard.Control]        the address; [Guard.DialContext] and [Guard.Transport] use it
//
// The first two look up no name. The third cannot be passed over: CheckURL helps
// the customer to notice a mistake early, Control keeps the network closed.
//
// # What is refused
//
// Of addresses, all but ordinary public ones:
//
//   - every block of the IANA special-purpose registries (RFC 6890, RFC 8190):
//     loopback, private, shared, link-local, documentation, benchmarking, reserved
//     and the rest. Those that IANA calls globally reachable are among them, since
//     they are anycast services of the nearest network (AS112, AMT, PCP, TURN) or
//     identifiers (ORCHIDv2, DET), and no customer has a server there;
//   - multicast and broadcast;
//   - IPv6 outside of 2000::/3, the only part of it that is assigned as global
//     unicast, which excludes IPv4-compatible and IPv4-translated addresses, unique
//     local and the former site-local ones;
//   - IPv6 that carries IPv4 through a tunnel: 6to4 and Teredo always, ISATAP
//     (RFC 5214) when the IPv4 address is refused;
//   - any address with a zone, and 168.63.129.16, a public address at which Azure
//     serves the machines of its customers. The metadata services of other clouds
//     (169.254.169.254, 169.254.170.2, 100.100.100.200, 192.0.0.192,
//     fd00:ec2::254, fd20:ce::254) are within the blocks above.
//
// An IPv4-mapped address is the IPv4 address. An address of 64:ff9b::/96 is
// judged by the IPv4 address that it is translated to (NAT64, RFC 6052), as
// hosts without IPv4 need; [Config.NAT64] adds the prefixes of your own network.
//
// Of ports, all but 80 and 443. Of URLs, other schemes than http and https, user
// information, and hosts that are neither an address in its canonical form nor a
// plain ASCII name. In particular nothing is left to a system that reads
// 0177.0.0.1, 0x7f.1, 127.1 or 2130706433 as 127.0.0.1, and names in other
// scripts have to be written as they are looked up (xn--...). All of this is
// refused before a name is looked up.
//
// # What a refusal says
//
// Errors say what is wrong with the text of a URL. About the network they say
// one sentence, whether an address was refused, a name does not exist, or nobody
// answered. Otherwise a customer could list your hosts by trying names. What
// happened is in [Error.Detail], for the operator, and [errors.Is] with
// [ErrBlocked] tells refusals from failures; what you show to the customer must
// not depend on that either. Errors of a connection that was made are those of
// net and net/http: they name the addresses of both ends, yours too.
//
// # Limits
//
//   - The time tells: a refusal is as fast as the lookup, a host that does not
//     answer takes as long as the timeout.
//   - Names are looked up, so a customer can cause queries at your resolver.
//   - It does not know which public addresses are yours, nor what your network
//     makes of a public address (a NAT rule, a gateway that serves internal names
//     by the Host header). List such addresses in [Config.Deny].
//   - A public server may pass a request on to wherever it can reach.
//   - It guards what is connected through it. A forward proxy, a transport with a
//     dialer of its own, HTTP/3 and other use of UDP, and subprocesses are not:
//     where calls leave through a proxy, the check belongs into the proxy.
//   - It bounds neither the size nor the time of an answer.
//   - The table is that of the registries of July 2026. A special block that is
//     assigned later needs a new release, or [Config.Deny].
//   - Go on Plan 9 never calls Control; [New] fails there.
//
// # Sources
//
// IANA IPv4 and IPv6 Special-Purpose Address Registries, RFC 6890, RFC 8190;
// RFC 4291 (IPv6 addresses), RFC 6052 and RFC 8215 (NAT64), RFC 5214 (ISATAP),
// RFC 5771 (multicast), RFC 1123, section 2.1 (host names), RFC 6761 (localhost).
package netguard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"syscall"
)

// Config configures a [Guard]. The zero value permits public addresses on ports
// 80 and 443. An IPv4-mapped prefix is the IPv4 prefix.
type Config struct {
	// Allow lists addresses that are permitted although the table of the package
	// comment refuses them, such as those of a service of your own. It says
	// nothing about ports, and holds for addresses as they are dialled: to permit
	// 10.0.0.0/8 does not permit the NAT64 addresses that lead there. A prefix of
	// zero bits is an error. Default: none.
	Allow []netip.Prefix
	// Deny lists addresses that are refused besides the table: public ones that
	// are yours. It counts more than Allow, and for IPv4 addresses within NAT64
	// and ISATAP addresses too. Default: none.
	Deny []netip.Prefix
	// NAT64 lists the prefixes with which your network translates to IPv4
	// (RFC 6052, section 2.2), besides 64:ff9b::/96: IPv6 prefixes of 32, 40, 48,
	// 56, 64 or 96 bits. Their addresses are judged by the IPv4 address within,
	// that of the longest prefix where they overlap.
	// Default: none.
	NAT64 []netip.Prefix
	// Resolver looks up names for [Guard.DialContext] and [Guard.Transport]. The
	// connections to its servers are not guarded. Default: [net.DefaultResolver].
	Resolver *net.Resolver
	// AnyPort permits every port but 0. Default: 80 and 443.
	AnyPort bool
}

// Guard decides where connections may go. Make it with [New]: the zero value
// refuses every address. It does not change, and its methods may be called
// concurrently.
type Guard struct {
	blocks   []block // refused; none in the zero value
	allow    []netip.Prefix
	deny     []netip.Prefix
	nat64    []netip.Prefix
	resolver *net.Resolver
	anyPort  bool
}

// New returns a Guard. The lists of cfg are copied. All misconfigurations are
// reported, in one error.
func New(cfg Config) (*Guard, error) {
	if runtime.GOOS == "plan9" {
		return nil, errors.New("netguard: net.Dialer calls no Control on Plan 9")
	}
	g := &Guard{
		blocks: special(), nat64: []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96")},
		resolver: cfg.Resolver, anyPort: cfg.AnyPort,
	}
	var errs []error
	add := func(list *[]netip.Prefix, field string, given []netip.Prefix, check func(netip.Prefix) error) {
		for i, p := range given {
			p, err := unmapPrefix(p)
			if err == nil {
				err = check(p)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("netguard: Config.%s[%d] (%v) %w", field, i, given[i], err))
			}
			*list = append(*list, p)
		}
	}
	add(&g.allow, "Allow", cfg.Allow, func(p netip.Prefix) error {
		if p.Bits() == 0 {
			return errors.New("permits every address, so nothing would be guarded")
		}
		return nil
	})
	add(&g.deny, "Deny", cfg.Deny, func(netip.Prefix) error { return nil })
	add(&g.nat64, "NAT64", cfg.NAT64, func(p netip.Prefix) error {
		if !p.Addr().Is6() || !slices.Contains([]int{32, 40, 48, 56, 64, 96}, p.Bits()) {
			return errors.New("is no IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits")
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	// Of prefixes that overlap, the longest translates, as in routing.
	slices.SortFunc(g.nat64, func(a, b netip.Prefix) int { return b.Bits() - a.Bits() })
	return g, nil
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
		return p, errors.New("is shorter than the 96 bits of an IPv4-mapped prefix")
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped), nil
}

// Control refuses the address of a connection that is about to be made; it fits
// [net.Dialer.ControlContext]. The network must be tcp, tcp4 or tcp6, and address
// an IP address and a port, as a dialer passes them. It uses neither ctx nor
// conn. The error is an [*Error] that is [ErrBlocked].
//
// A net.Dialer puts the address into the text of its own error, around this one.
// [Guard.DialContext] does not.
func (g *Guard) Control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if !isTCP(network) {
		return refuse(unreachable, "network %q is not TCP", network)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return refuse(unreachable, "%q is no IP address with a port", address)
	}
	if !g.permitsPort(to.Port()) {
		return refuse(badPort, "%v: port %d", to, to.Port())
	}
	if why := g.judge(to.Addr()); why != "" {
		return refuse(unreachable, "%v: %s", to, why)
	}
	return nil
}

func isTCP(network string) bool { return network == "tcp" || network == "tcp4" || network == "tcp6" }

func (g *Guard) permitsPort(port uint16) bool {
	return port == 80 || port == 443 || g.anyPort && port != 0
}
