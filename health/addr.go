package health

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// validAddr wants host:port. Its errors do not repeat addr: what a user passes
// by mistake may be a DSN with a password.
func validAddr(addr string) error {
	if addr == "" {
		return errors.New("no address")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return errors.New("address is not host:port, with an IPv6 host in brackets")
	}
	if err := validHost(host); err != nil {
		return err
	}
	return validPort(port)
}

func validHost(host string) error {
	if host == "" {
		return errors.New("no host")
	}
	odd := func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`/\@?#,`, r)
	}
	if strings.ContainsFunc(host, odd) {
		return errors.New("host is not a name or an address")
	}
	return nil
}

func validPort(port string) error {
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("port is not a number from 1 to 65535")
	}
	return nil
}
