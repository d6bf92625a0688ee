package pipeline

import (
	"sort"

	"github.com/gibbon-gateway/gibbon/plugin"
)

func sortConfigured(cs []*configured) {
	sort.SliceStable(cs, func(i, j int) bool { return cs[i].plugin.Before(cs[j].plugin) })
}

// Sort orders plugins as they run.
func Sort(ps []*plugin.Plugin) {
	sort.SliceStable(ps, func(i, j int) bool { return ps[i].Before(ps[j]) })
}
