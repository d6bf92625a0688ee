package pipeline

import (
	"time"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
)

// Timings are how long the plugins of one request took. A Run has them where
// request debugging asks (Run.Time); then plugins that share a runtime run one
// call at a time, so that each has a time of its own.
type Timings struct {
	// Plugins in the order in which they first ran, once per phase.
	Plugins []PluginTime
	// open is the one that runs, since when; -1 = none does.
	open  int
	since time.Time
	// split are the units of a phase with one call each.
	split []Unit
}

// PluginTime is what one configuration of a plugin took of one phase, waiting included.
type PluginTime struct {
	Phase phase.Phase
	// Name of the plugin and ID of its configuration.
	Name, ID string
	Took     time.Duration
}

// Time has t filled in from now on; nil ends it. Begin ends it, too.
func (r *Run) Time(t *Timings) {
	if r.timings = t; t != nil {
		t.open = -1
	}
}

// begin notes that b runs from now on.
func (t *Timings) begin(ph phase.Phase, b *plugin.Bound) {
	t.end()
	for i := range t.Plugins {
		if p := &t.Plugins[i]; p.Phase == ph && p.ID == b.Entity.ID && p.Name == b.Plugin.Name {
			t.open = i
		}
	}
	if t.open < 0 {
		t.open = len(t.Plugins)
		t.Plugins = append(t.Plugins, PluginTime{Phase: ph, Name: b.Plugin.Name, ID: b.Entity.ID})
	}
	t.since = time.Now()
}

// end notes that the plugin that ran runs no more.
func (t *Timings) end() {
	if t.open >= 0 {
		t.Plugins[t.open].Took += time.Since(t.since)
		t.open = -1
	}
}

// Stop ends the time of the plugin that runs: the phase is over. Whoever ends a
// phase without coming back to the pipeline (a suspended plugin answered) calls it. A nil t has none.
func (t *Timings) Stop() {
	if t != nil {
		t.end()
	}
}

// calls gives units with one call each, in the same order. The result stays
// valid until the next call; the same units give the same result, so that a
// phase goes on after a suspension.
func (t *Timings) calls(units []Unit) []Unit {
	t.split = t.split[:0]
	for i := range units {
		u := &units[i]
		for j := range u.Calls {
			t.split = append(t.split, Unit{Runtime: u.Runtime, Calls: u.Calls[j : j+1 : j+1], Inline: u.Inline})
		}
	}
	return t.split
}
