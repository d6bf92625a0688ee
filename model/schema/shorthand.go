package schema

import (
	"fmt"
	"strings"
)

// translateShorthands replaces shorthands in rec by the fields they stand for.
func translateShorthands(list []Shorthand, rec map[string]any, errs Errors) {
	for i := range list {
		sh := &list[i]
		v, ok := rec[sh.Name]
		if !ok || v == nil {
			continue
		}
		delete(rec, sh.Name)
		if v == Null && !(sh.OnNull && sh.Fn != nil) {
			if sh.Fn == nil {
				for _, path := range sh.ReplacedWith {
					if lookup(rec, path) == nil {
						setDeep(rec, path, Null)
					}
				}
			}
			continue
		}
		if bad := validateValue(&sh.Field, v, Insert); bad != nil && v != Null {
			errs[sh.Name] = bad
			continue
		}
		if sh.Fn != nil {
			set, err := sh.Fn(v)
			if err != nil {
				errs[sh.Name] = treeOf(err)
				continue
			}
			for k, nv := range set {
				overlay(rec, k, nv)
			}
			continue
		}
		for _, path := range sh.ReplacedWith {
			old := lookup(rec, path)
			if old != nil && !Equal(old, v) {
				errs[sh.Name] = fmt.Sprintf("both deprecated and new field are used but their values mismatch: %s = %s vs %s = %s",
					sh.Name, Text(v), strings.Join(path, "."), Text(old))
				break
			}
			setDeep(rec, path, v)
		}
	}
}

// overlay sets a field from a shorthand; records merge.
func overlay(rec map[string]any, k string, v any) {
	nv, okNew := v.(map[string]any)
	old, okOld := rec[k].(map[string]any)
	if !okNew || !okOld {
		rec[k] = v
		return
	}
	merged := make(map[string]any, len(old)+len(nv))
	for a, b := range old {
		merged[a] = b
	}
	for a, b := range nv {
		overlay(merged, a, b)
	}
	rec[k] = merged
}

// setDeep sets a path, copying the records on the way (they may be shared
// with the caller's input).
func setDeep(rec map[string]any, path []string, v any) {
	if len(path) == 1 {
		rec[path[0]] = v
		return
	}
	old, _ := rec[path[0]].(map[string]any)
	sub := make(map[string]any, len(old)+1)
	for k, x := range old {
		sub[k] = x
	}
	rec[path[0]] = sub
	setDeep(sub, path[1:], v)
}
