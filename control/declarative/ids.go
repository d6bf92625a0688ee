package declarative

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

// idNamespace is the root of the ids made from names; each kind has its own
// namespace below it. Tools that write declarative files know it.
const idNamespace = "fd02801f-0957-4a15-a55a-c8d9606f30b5"

func nameID(k *kind, name string) string {
	return schema.UUIDv5(schema.UUIDv5(idNamespace, k.schema.Name), name)
}

// giveIDs completes every entity with its id and the ids that it points to,
// parents first. An id is the same each time the same document is loaded, and
// the same that the reference gives:
//
//   - by the fields of the cache key, as they are written (a target by
//     upstream and target, a plugin by name and scope), unless one of them is
//     generated, as a credential's key is: an id must not tell anything about
//     a secret;
//   - else by the endpoint key, mostly the name.
//
// What the reference leaves to chance is, for core entities, made from the
// content, so that a reload keeps what did not change.
func (l *loader) giveIDs() {
	for _, k := range l.kinds {
		again := map[string]int{}
		for _, it := range l.items[k.pos] {
			for field, target := range it.links {
				it.rec[field] = target.ref
			}
			if len(k.schema.Keys()) != 1 || k.schema.Keys()[0] != "id" {
				it.ref = map[string]any{}
				continue
			}
			if it.id == "" {
				it.id = it.makeID(again)
			}
			it.rec["id"] = it.id
			it.ref = map[string]any{"id": it.rec["id"]}
		}
	}
}

func (it *item) makeID(again map[string]int) string {
	k := it.kind
	if len(k.schema.CacheKey) > 0 {
		if key, ok := it.writtenKey(); ok {
			return nameID(k, key)
		}
	} else if k.named != "" {
		if name, ok := it.rec[k.named].(string); ok {
			return nameID(k, name)
		}
	}
	if it.secret() {
		return schema.NewUUID()
	}
	content := make(map[string]any, len(it.rec))
	for f, v := range it.rec {
		if f != "id" && f != "created_at" && f != "updated_at" {
			content[f] = v
		}
	}
	b, err := json.Marshal(content)
	if err != nil {
		return schema.NewUUID()
	}
	text := string(b)
	again[text]++
	return nameID(k, text+"#"+strconv.Itoa(again[text]))
}

// secret tells if the content must not show in the id.
func (it *item) secret() bool {
	for i := range it.kind.schema.Fields {
		f := &it.kind.schema.Fields[i]
		if f.Encrypted || f.Auto && f.Type == schema.String && !f.UUID || f.Reference == "consumers" && f.Required {
			return true
		}
	}
	return false
}

// writtenKey joins the values of the cache key as the document has them; a
// nested entity has its parent's id. ok is false where a value is generated or
// missing.
func (it *item) writtenKey() (string, bool) {
	parts := []string{it.kind.schema.Name, "*"}
	for _, name := range it.kind.schema.CacheKey {
		f, ok := it.kind.schema.Field(name)
		if !ok || f.Auto {
			return "", false
		}
		s, written := it.raw[name].(string)
		switch link := it.links[name]; {
		case written:
		case link != nil:
			s = link.id
		case f.Required:
			return "", false
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ":"), true
}

// compositeKey joins the values of a cache key of several fields, "" where the
// kind has none.
func (it *item) compositeKey() string {
	fields := it.kind.schema.CacheKey
	if len(fields) < 2 {
		return ""
	}
	parts := make([]string, len(fields))
	for i, f := range fields {
		switch v := it.rec[f].(type) {
		case string:
			parts[i] = v
		case map[string]any:
			parts[i], _ = v["id"].(string)
		}
	}
	return strings.Join(parts, ":")
}
