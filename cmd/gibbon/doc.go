// Command gibbon is the gateway and the tool that starts, stops and asks it.
//
// There is one file a verb. main.go finds the verb, flags.go reads its flags
// and prints usages, settings.go loads the settings a verb works on, and
// daemon.go puts a gateway into the background. What is printed and the exit
// codes are the reference's (Kong's), so that scripts go on working.
package main
