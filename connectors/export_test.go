package connectors

import "net/http"

// TransportOf is the transport below a client, so that tests can dial pipes and
// trust test certificates.
func TransportOf(c *Client) *http.Transport { return c.transport }
