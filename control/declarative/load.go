package declarative

import (
	"crypto/md5"
	"encoding/hex"
	"errors"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
)

// PluginSchemas finds the schemas of the plugins that are enabled.
type PluginSchemas interface {
	// Config is the plugin's whole schema (see model/schema); ok is false for
	// a plugin that is not enabled.
	Config(name string) (s *schema.Schema, ok bool)
}

// Options of Load. Either Schemas, or what they are made of.
type Options struct {
	// Schemas are the kinds of entities, best the same that the store has
	// (dao.Store.Schemas).
	Schemas []*schema.Schema
	// Entity, Plugins and Owned make the schemas where Schemas is nil: the
	// core entities, the plugins' configurations and the plugins' entities.
	Entity  entity.Options
	Plugins PluginSchemas
	Owned   []*schema.Schema
	// Workspace is the id of the workspace that the entities are put in; ""
	// is dao.DefaultWorkspace.
	Workspace string
}

// Config is a configuration that holds.
type Config struct {
	// Set is what a store takes.
	Set dao.Set
	// FormatVersion is 1.1, 2.1 or 3.0; Transform tells if secrets were to be
	// transformed (hashed) on the way.
	FormatVersion string
	Transform     bool
	// Hash identifies the document: its MD5 in hex.
	Hash string
	// Warnings name settings that are deprecated, doubtful or converted.
	Warnings []string
}

// Load reads a configuration. The error is an *Error.
func Load(data []byte, o Options) (*Config, error) {
	v, warnings, err := parse(data)
	if err != nil {
		return nil, documentError(err)
	}
	doc, ok := v.(map[string]any)
	if !ok {
		return nil, documentError(errors.New("failed parsing declarative configuration: expected an object"))
	}
	c, err := LoadValues(doc, o)
	if err != nil {
		return nil, err
	}
	sum := md5.Sum(data)
	c.Hash = hex.EncodeToString(sum[:])
	c.Warnings = append(warnings, c.Warnings...)
	return c, nil
}

// LoadValues is Load for a document that was decoded already, with
// schema.Null for null. It takes doc apart.
func LoadValues(doc map[string]any, o Options) (*Config, error) {
	l := newLoader(o)
	if err := l.header(doc); err != nil {
		return nil, err
	}
	l.convert(doc)
	l.walk(doc)
	if err := l.failed(); err != nil {
		return nil, err
	}
	l.resolve()
	if err := l.failed(); err != nil {
		return nil, err
	}
	l.giveIDs()
	l.transformSecrets()
	l.unique()
	if err := l.failed(); err != nil {
		return nil, err
	}
	return l.config(), nil
}

// loader is one load.
type loader struct {
	kinds  []*kind // parents first
	byName map[string]*kind
	items  [][]*item // by kind.pos, in the order of the document

	errs     schema.Errors
	entities []EntityError

	version   string
	transform bool
	warnings  []string
	workspace any
}

// kind is a schema with what may be nested under it.
type kind struct {
	schema *schema.Schema
	pos    int
	// children: the name in the document to the nested kind and its foreign
	// field that points here.
	children map[string]child
	foreign  []*schema.Field
	// named is the field from which a stable id is made, "" for none.
	named  string
	unique []string
}

type child struct {
	kind  *kind
	field string
}

// item is one entity on its way.
type item struct {
	kind   *kind
	rec    map[string]any
	id     string
	ref    map[string]any // {"id": id}, shared by all that point here
	parent *item
	field  string // the foreign field that points to parent
	// entry is the place in its list, list the place among all of its kind.
	entry, list int
	// refs are the references still to be resolved: field to what was written.
	refs map[string]any
	// links are the entities that the foreign fields point to.
	links map[string]*item
	raw   map[string]any
}

func newLoader(o Options) *loader {
	list := o.Schemas
	if list == nil {
		eo := o.Entity
		if o.Plugins != nil {
			eo.Plugin = o.Plugins.Config
		}
		list = append(entity.Schemas(eo), o.Owned...)
	}
	l := &loader{byName: map[string]*kind{}, errs: schema.Errors{}, workspace: o.Workspace}
	if o.Workspace == "" {
		l.workspace = dao.DefaultWorkspace
	}
	for _, s := range parentsFirst(list) {
		k := &kind{schema: s, pos: len(l.kinds), children: map[string]child{}}
		l.kinds = append(l.kinds, k)
		l.byName[s.Name] = k
	}
	for _, k := range l.kinds {
		k.link(l.byName)
	}
	l.items = make([][]*item, len(l.kinds))
	return l
}

func (k *kind) link(byName map[string]*kind) {
	for i := range k.schema.Fields {
		f := &k.schema.Fields[i]
		if f.Unique {
			k.unique = append(k.unique, f.Name)
		}
		if f.Type != schema.Foreign {
			continue
		}
		k.foreign = append(k.foreign, f)
		if p, ok := byName[f.Reference]; ok {
			p.children[k.schema.Name] = child{k, f.Name}
		}
	}
	// an id made from a generated key would give away a hash of it
	if f, ok := k.schema.Field(k.schema.EndpointKey); ok && !f.Auto && f.Type == schema.String {
		k.named = f.Name
	}
}

// parentsFirst orders schemas so that references point backwards.
func parentsFirst(list []*schema.Schema) []*schema.Schema {
	byName := map[string]*schema.Schema{}
	for _, s := range list {
		byName[s.Name] = s
	}
	var out []*schema.Schema
	seen := map[string]bool{}
	var visit func(*schema.Schema)
	visit = func(s *schema.Schema) {
		if s == nil || seen[s.Name] {
			return
		}
		seen[s.Name] = true
		for i := range s.Fields {
			if f := &s.Fields[i]; f.Type == schema.Foreign {
				visit(byName[f.Reference])
			}
		}
		out = append(out, s)
	}
	for _, s := range list {
		visit(s)
	}
	return out
}

func (l *loader) failed() error {
	if len(l.errs) == 0 {
		return nil
	}
	return &Error{Fields: l.errs, Entities: l.entities}
}

// config collects the records.
func (l *loader) config() *Config {
	set := dao.Set{}
	for _, k := range l.kinds {
		if len(l.items[k.pos]) == 0 {
			continue
		}
		recs := make([]dao.Record, len(l.items[k.pos]))
		for i, it := range l.items[k.pos] {
			recs[i] = it.rec
			if k.schema.Workspaceable {
				it.rec["ws_id"] = l.workspace
			}
		}
		set[k.schema.Name] = recs
	}
	return &Config{Set: set, FormatVersion: l.version, Transform: l.transform, Warnings: l.warnings}
}
