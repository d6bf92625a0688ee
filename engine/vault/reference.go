package vault

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

const opening = "{vault://"

// Reference is `{vault://NAME/RESOURCE[/KEY][?OPTIONS][#VERSION]}` taken apart.
type Reference struct {
	// Name is a vault's prefix, or a kind of vault (env) with its default options.
	Name string
	// Resource is what to ask the vault for; it may have slashes in it.
	Resource string
	// Key picks a string from a resource that is a JSON object; empty = the whole resource.
	Key string
	// Version of the secret; 0 = the current one.
	Version int
	// Options override the vault's own (prefix, ttl, neg_ttl, resurrect_ttl, …); nil when there are none.
	Options map[string]string
}

// IsReference says whether s has the form of a reference; Parse says whether it is a good one.
func IsReference(s string) bool {
	return len(s) > len(opening) && strings.HasPrefix(s, opening) && s[len(s)-1] == '}'
}

// Parse takes a reference apart. The errors are the texts that
// kong.vault.parse_reference returns.
func Parse(s string) (Reference, error) {
	if !IsReference(s) {
		return Reference{}, fmt.Errorf("not a reference [%s]", s)
	}
	refuse := func(why string) (Reference, error) {
		return Reference{}, fmt.Errorf("reference url %s [%s]", why, s)
	}
	rest, fragment, hasVersion := strings.Cut(s[len(opening):len(s)-1], "#")
	rest, query, _ := strings.Cut(rest, "?")
	name, path, hasPath := strings.Cut(rest, "/")
	if name == "" {
		return refuse("is missing host")
	}
	if !hasPath {
		return refuse("is missing path")
	}
	var parts []string
	for _, p := range strings.Split(path, "/") {
		if p != "" {
			parts = append(parts, unescape(p))
		}
	}
	if len(parts) == 0 {
		return refuse("has empty path")
	}
	r := Reference{Name: name, Resource: parts[0]}
	// A slash at the end says that the last part belongs to the resource.
	if n := len(parts); n > 1 {
		if strings.HasSuffix(path, "/") {
			r.Resource = strings.Join(parts, "/")
		} else {
			r.Resource, r.Key = strings.Join(parts[:n-1], "/"), parts[n-1]
		}
	}
	if hasVersion {
		v, err := strconv.Atoi(fragment)
		if err != nil || v < 0 {
			return refuse("has invalid version")
		}
		r.Version = v
	}
	r.Options = options(query)
	return r, nil
}

// options reads a query; a name without a value means "true".
func options(query string) map[string]string {
	var out map[string]string
	for _, pair := range strings.Split(query, "&") {
		k, v, ok := strings.Cut(pair, "=")
		if k == "" {
			continue
		}
		if !ok {
			v = "true"
		}
		if out == nil {
			out = map[string]string{}
		}
		out[unescape(strings.ReplaceAll(k, "+", " "))] = unescape(strings.ReplaceAll(v, "+", " "))
	}
	return out
}

// unescape decodes %XX and leaves broken ones as they stand.
func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
