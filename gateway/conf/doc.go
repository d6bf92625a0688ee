// Package conf is the table of settings: what kong.conf and the KONG_* and
// GIBBON_* variables may say, what it means, and the typed Config that the
// rest of the gateway is assembled from.
//
// It does not open listeners, read certificates or load plugins; it only reads
// and checks settings. Nothing below package gateway knows kong.conf: the
// data plane gets small Options structs made from a Config.
//
// Read setting.go (what a row of the table is), then load.go (where values
// come from and who wins), then config.go (what they become).
package conf
