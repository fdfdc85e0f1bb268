package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// DNS checks that host resolves to at least minAddrs different addresses, IPv4
// and IPv6 together. It asks [net.DefaultResolver], as the application's dials
// do: the hosts file, search domains and caches of the machine count. A final
// dot keeps search domains out. A failure has the reason dns, also when the
// resolver does not answer in time; the outcome is then timeout. A lookup that
// is given up may go on inside [net] until its own timeout, some seconds.
//
// An address in place of host is an error of [New] and [Health.Add], since it
// resolves without asking anyone, and so is a minAddrs below one.
func DNS(host string, minAddrs int) Checker { return &dnsCheck{host: host, minAddrs: minAddrs} }

type dnsCheck struct {
	host     string
	minAddrs int
	resolver *net.Resolver // nil: net.DefaultResolver when the check runs
}

func (*dnsCheck) remote() bool { return true }

func (c *dnsCheck) validate() error {
	if err := validHost(c.host); err != nil {
		return err
	}
	if _, err := netip.ParseAddr(c.host); err == nil {
		return errors.New("host is an address: there is nothing to resolve")
	}
	if c.minAddrs < 1 {
		return fmt.Errorf("at least %d addresses: want one or more", c.minAddrs)
	}
	return nil
}

func (c *dnsCheck) Check(ctx context.Context) error {
	if err := c.validate(); err != nil {
		return fmt.Errorf("health: %w", err)
	}
	resolver := c.resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", c.host)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	different := make(map[netip.Addr]bool, len(addrs))
	for _, addr := range addrs {
		different[addr.Unmap()] = true
	}
	if len(different) < c.minAddrs {
		return Reason(reasonDNS, fmt.Errorf("health: lookup %s: addresses: got %d, want %d", c.host, len(different), c.minAddrs))
	}
	return nil
}
