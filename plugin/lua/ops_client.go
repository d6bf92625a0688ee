package lua

import (
	"maps"
	"reflect"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// The operations behind kong.client and kong.router (lib/kong/pdk/client.lua, router.lua).
func init() {
	RegisterOp("client.identity", onRequest(identity))
	RegisterOp("client.authenticate", onRequest(authenticate))
	RegisterOp("client.forget", onRequest(func(c *Call, k *pdk.Kong) {
		if err := k.Client.Forget(); err != nil {
			c.Fail(err.Error())
			return
		}
		c.Return()
	}))
	RegisterOp("client.load_consumer", onRequest(loadConsumer))
	RegisterOp("client.protocol", onRequest(func(c *Call, k *pdk.Kong) {
		p, err := k.Client.Protocol(c.Bool(0))
		if err != nil {
			c.Return(nil, err.Error())
			return
		}
		c.Return(p)
	}))
	RegisterOp("client.consumer_groups", onRequest(consumerGroups))
	RegisterOp("client.set_consumer_groups", onRequest(setConsumerGroups))
	RegisterOp("client.authenticate_groups", onRequest(func(c *Call, k *pdk.Kong) { k.Client.AuthenticateGroups(c.String(0)); c.Return() }))
	RegisterOp("client.tls.chain", onRequest(func(c *Call, k *pdk.Kong) {
		chain, err := k.Client.CertificateChain()
		switch {
		case err != nil:
			c.Return(nil, err.Error())
		case chain == "":
			c.Return(nil)
		default:
			c.Return(chain)
		}
	}))
	RegisterOp("client.tls.set_client_verify", onRequest(func(c *Call, k *pdk.Kong) { settle(c, k.Client.SetVerify(c.String(0))) }))
	RegisterOp("router.route", onRequest(func(c *Call, k *pdk.Kong) {
		if r := k.Router.Route; r != nil {
			record(c, k, "routes", r.ID)
			return
		}
		c.Return(nil)
	}))
	RegisterOp("router.service", onRequest(func(c *Call, k *pdk.Kong) {
		if s := k.Router.Service; s != nil {
			record(c, k, "services", s.ID)
			return
		}
		c.Return(nil)
	}))
}

func record(c *Call, k *pdk.Kong, kind, id string) {
	r, ok := k.Entities(kind).Get(id)
	if !ok {
		c.Return(nil)
		return
	}
	c.Return(map[string]any(r))
}

// serial tells one pair of consumer and credential from another within a request.
func serial(consumer, credential dao.Record) float64 {
	p := func(r dao.Record) uint64 {
		if r == nil {
			return 0
		}
		return uint64(reflect.ValueOf(r).Pointer())
	}
	return float64((p(consumer)*31 + p(credential)) & (1<<52 - 1))
}

// identity(known): the serial; consumer and credential unless it is the known one.
func identity(c *Call, k *pdk.Kong) {
	consumer, credential := k.Client.Consumer(), k.Client.Credential()
	now := serial(consumer, credential)
	if now == c.Number(0) {
		c.Return(now)
		return
	}
	c.Return(now, plain(consumer), plain(credential))
}

// plain is a consumer or credential as plugins see it: without its workspace.
func plain(r dao.Record) any {
	if r == nil {
		return nil
	}
	if _, has := r["ws_id"]; !has {
		return map[string]any(r)
	}
	m := maps.Clone(map[string]any(r))
	delete(m, "ws_id")
	return m
}

// authenticate(consumer, credential): the serial
func authenticate(c *Call, k *pdk.Kong) {
	consumer, _ := c.Value(0).(map[string]any)
	credential, _ := c.Value(1).(map[string]any)
	if err := k.Client.Authenticate(dao.Record(consumer), dao.Record(credential)); err != nil {
		c.Fail(err.Error())
		return
	}
	c.Return(serial(k.Client.Consumer(), k.Client.Credential()))
}

// consumerGroups(): the groups in order of their names; nil without any
func consumerGroups(c *Call, k *pdk.Kong) {
	groups := k.Client.ConsumerGroups()
	if len(groups) == 0 {
		c.Return(nil)
		return
	}
	list := make([]any, len(groups))
	for i, g := range groups {
		list[i] = plain(g)
	}
	c.Return(list)
}

// setConsumerGroups(groups or nil)
func setConsumerGroups(c *Call, k *pdk.Kong) {
	var groups []dao.Record
	for _, g := range listOf(c.Value(0)) {
		if m, ok := g.(map[string]any); ok {
			groups = append(groups, dao.Record(m))
		}
	}
	k.Client.SetConsumerGroups(groups)
	c.Return()
}

// loadConsumer(id, by_username): consumer, text, whether the text says that id cannot be one
func loadConsumer(c *Call, k *pdk.Kong) {
	r, err := k.Client.LoadConsumer(c.String(0), c.Bool(1))
	if err != nil {
		c.Return(nil, err.Error(), true)
		return
	}
	c.Return(plain(r))
}
