package plugintest

import (
	"sync"

	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// Ran is one phase of one plugin that ran.
type Ran struct{ Plugin, Phase string }

// record notes which phases ran, in order. A phase that comes several times in
// a row (body_filter) counts once.
type record struct {
	mu  sync.Mutex
	ran []Ran
}

func (r *record) note(name string, ph phase.Phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := Ran{name, ph.String()}
	for i := len(r.ran) - 1; i >= 0 && r.ran[i].Phase == x.Phase; i-- { // chunk by chunk, plugins take turns
		if r.ran[i] == x {
			return
		}
	}
	r.ran = append(r.ran, x)
}

// take gives what was noted since the last time.
func (r *record) take() []Ran {
	r.mu.Lock()
	defer r.mu.Unlock()
	ran := r.ran
	r.ran = nil
	return ran
}

// watched is p with its phases noted.
func (r *record) watched(p *plugin.Plugin) *plugin.Plugin {
	w := *p
	if p.Runtime != nil {
		w.Runtime = &watchedRuntime{p.Runtime, p.Name, r}
		return &w
	}
	w.New = func(config map[string]any) (plugin.Handler, error) {
		h, err := p.New(config)
		if err != nil {
			return nil, err
		}
		return &watchedHandler{h, p.Name, r}, nil
	}
	return &w
}

// watchedRuntime is a runtime with one plugin, so that the pipeline calls it
// for each plugin by itself.
type watchedRuntime struct {
	plugin.Runtime
	name   string
	record *record
}

// Run implements plugin.Runtime.
func (w *watchedRuntime) Run(k *pdk.Kong, ph phase.Phase, calls []*plugin.Bound) plugin.Outcome {
	w.record.note(w.name, ph)
	return w.Runtime.Run(k, ph, calls)
}

// Filter implements plugin.Runtime.
func (w *watchedRuntime) Filter(k *pdk.Kong, calls []*plugin.Bound, chunk []byte, last bool) ([]byte, plugin.Outcome) {
	w.record.note(w.name, phase.BodyFilter)
	return w.Runtime.Filter(k, calls, chunk, last)
}

// Start implements plugin.Runtime: Gateway starts the runtime below itself,
// with all plugins at once.
func (w *watchedRuntime) Start(*worker.Worker, *plugin.Generation) error { return nil }

// watchedHandler has every phase; plugin.Plugin.Phases says which are called.
type watchedHandler struct {
	h      plugin.Handler
	name   string
	record *record
}

func (w *watchedHandler) run(k *pdk.Kong, ph phase.Phase, do func(*pdk.Kong) error) error {
	w.record.note(w.name, ph)
	return do(k)
}

func (w *watchedHandler) Certificate(k *pdk.Kong) error {
	return w.run(k, phase.Certificate, w.h.(plugin.Certificate).Certificate)
}
func (w *watchedHandler) Rewrite(k *pdk.Kong) error {
	return w.run(k, phase.Rewrite, w.h.(plugin.Rewriter).Rewrite)
}
func (w *watchedHandler) Access(k *pdk.Kong) error {
	return w.run(k, phase.Access, w.h.(plugin.Accessor).Access)
}
func (w *watchedHandler) Response(k *pdk.Kong) error {
	return w.run(k, phase.Response, w.h.(plugin.Responder).Response)
}
func (w *watchedHandler) HeaderFilter(k *pdk.Kong) error {
	return w.run(k, phase.HeaderFilter, w.h.(plugin.HeaderFilterer).HeaderFilter)
}
func (w *watchedHandler) Log(k *pdk.Kong) error {
	return w.run(k, phase.Log, w.h.(plugin.Logger).Log)
}
func (w *watchedHandler) BodyFilter(k *pdk.Kong, chunk []byte, last bool) ([]byte, error) {
	w.record.note(w.name, phase.BodyFilter)
	return w.h.(plugin.BodyFilterer).BodyFilter(k, chunk, last)
}
