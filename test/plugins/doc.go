// Package plugins runs plugins of the shapes that public plugins have most often, written with the libraries and in the styles of
// their authors, on a whole gateway with real servers around it: identity provider, log collectors, Redis, services. The plugins lie in
// kong/plugins; bundled plugins are tested elsewhere (plugins/NAME). There is no code here, only tests; setup_test.go first.
package plugins
