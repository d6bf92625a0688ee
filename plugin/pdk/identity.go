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

// ConsumerGroups are the ids of the consumer's groups in order of their names.
func (k *Kong) ConsumerGroups() []string {
	id := k.ConsumerID()
	if id == "" {
		return nil
	}
	type group struct{ id, name string }
	var groups []group
	all := k.Gateway.Store.Entities("consumer_groups")
	k.Gateway.Store.Entities("consumer_group_consumers").ByForeign("consumer", id, func(m dao.Record) bool {
		ref, _ := m["consumer_group"].(map[string]any)
		gid, _ := ref["id"].(string)
		if g, ok := all.Get(gid); ok {
			name, _ := g["name"].(string)
			groups = append(groups, group{gid, name})
		}
		return true
	})
	sort.Slice(groups, func(i, j int) bool { return groups[i].name < groups[j].name })
	ids := make([]string, len(groups))
	for i, g := range groups {
		ids[i] = g.id
	}
	return ids
}

// Failure logs what a handler failed with; the pipeline calls it.
func (k *Kong) Failure(plugin, phase string, err error) {
	c := k.LogContext()
	k.Gateway.Log.Message(log.Error, &c, "["+plugin+"] "+phase+": "+err.Error())
}
