package health

import "net"

// DNSWith is [DNS] with a resolver of the test's.
func DNSWith(resolver *net.Resolver, host string, minAddrs int) Checker {
	return &dnsCheck{host: host, minAddrs: minAddrs, resolver: resolver}
}
