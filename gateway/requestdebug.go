package gateway

import (
	"github.com/google/uuid"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/gateway/prefix"
)

// debugRequests gives the data plane the token of request debugging: that of
// the settings, or a new one. It lies in a file of the prefix; the log, which
// more people read, only says where.
func (n *node) debugRequests(c *conf.Client) {
	token := ""
	if c.RequestDebug {
		if token = c.RequestDebugToken; token == "" {
			token = uuid.NewString()
		}
	}
	n.server.SetDebugToken(token)
	if err := prefix.WriteDebugToken(n.conf, token); err != nil {
		n.log.Errorf("[request-debug] the token could not be kept: %v", err)
		return
	}
	if token != "" {
		n.log.Noticef("[request-debug] the token for request debugging is in %s", prefix.DebugTokenFile(n.conf))
	}
}
