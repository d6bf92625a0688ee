package pdk

import (
	"sort"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/observe/log"
)

// ConsumerID is the id of the authenticated consumer, "" for none.
func (k *Kong) ConsumerID() string {
	id, _ := k.consumer["id"].(string)
	return id
}

// CredentialID is the id of the credential in use, "" for none.
func (k *Kong) CredentialID() string {
	id, _ := k.credential["id"].(string)
	return id
}

// ConsumerGroups are the ids of the request's consumer groups in order of their
// names: those that were set, else the consumer's.
func (k *Kong) ConsumerGroups() []string {
	groups := k.Client.ConsumerGroups()
	ids := make([]string, len(groups))
	for i, g := range groups {
		ids[i], _ = g["id"].(string)
	}
	return ids
}

// ConsumerGroups are the consumer groups of the request in order of their
// names: those that SetConsumerGroups or AuthenticateGroups chose, else those
// that the consumer is a member of.
func (c *Client) ConsumerGroups() []dao.Record {
	if c.k.groupsSet {
		return c.k.groups
	}
	return c.k.groupsOf(c.k.ConsumerID())
}

// SetConsumerGroups makes groups those of the request, whoever the consumer is;
// an empty list unsets all, those of the consumer included.
func (c *Client) SetConsumerGroups(groups []dao.Record) {
	c.k.groups, c.k.groupsSet = sortGroups(groups), true
}

// AuthenticateGroups makes the groups of this consumer those of the request,
// without authenticating the consumer.
func (c *Client) AuthenticateGroups(consumerID string) { c.SetConsumerGroups(c.k.groupsOf(consumerID)) }

// groupsOf are the groups that a consumer is a member of.
func (k *Kong) groupsOf(consumerID string) []dao.Record {
	if consumerID == "" || k.Gateway.Store == nil {
		return nil
	}
	members := k.Entities("consumer_group_consumers")
	if !members.Valid() {
		return nil
	}
	var groups []dao.Record
	all := k.Entities("consumer_groups")
	members.ByForeign("consumer", consumerID, func(m dao.Record) bool {
		ref, _ := m["consumer_group"].(map[string]any)
		id, _ := ref["id"].(string)
		if g, ok := all.Get(id); ok {
			groups = append(groups, g)
		}
		return true
	})
	return sortGroups(groups)
}

func sortGroups(groups []dao.Record) []dao.Record {
	name := func(i int) string { s, _ := groups[i]["name"].(string); return s }
	sort.SliceStable(groups, func(i, j int) bool { return name(i) < name(j) })
	return groups
}

// Failure logs what a handler failed with; the pipeline calls it.
func (k *Kong) Failure(plugin, phase string, err error) {
	c := k.LogContext()
	k.Gateway.Log.Message(log.Error, &c, "["+plugin+"] "+phase+": "+err.Error())
}
