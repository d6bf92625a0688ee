package pdk

import "github.com/gibbon-gateway/gibbon/engine/dao"

// Entities gives the stored entities of a kind ("consumers",
// "keyauth_credentials"), in the request's workspace. Its reads answer from
// memory and never block: an inline handler may use them.
func (k *Kong) Entities(kind string) dao.Entities {
	e := k.Gateway.Store.Entities(kind)
	if r := k.Router.Route; r != nil && r.Workspace != "" {
		e = e.In(r.Workspace)
	}
	return e
}
