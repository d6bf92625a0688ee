// Package atc is the expression language of routes: predicates such as
// http.path ^= "/a" joined by && and ||, negated by ! and grouped by parentheses.
//
// Parse turns a text into an Expr (lexer.go, parser.go, check.go), Expr.Match
// evaluates it against Values without allocating (eval.go), and Expr.Terms tells
// the router what it can index by (terms.go). The package knows no route and no
// priority; those are the router's. Read expr.go first.
package atc
