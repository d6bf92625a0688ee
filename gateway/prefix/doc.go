// Package prefix keeps the working folder of a gateway: its folders, the
// generated default certificates, and the file that says which process, if
// any, runs in it.
//
// It does not read settings (conf does) and it does not start or stop
// anything. Read prefix.go, then instance.go.
package prefix
