// Command bench measures the gateway against Debian's nginx and HAProxy, in one run on one machine.
//
//	bench [-engines nginx,gibbon] [-cases 100b-64] [-rounds 5] [-window 2s]     CPU per request, the default
//	bench idle [-connections 20000]                                             memory of idle keep-alive connections
//	bench asleep [-requests 10000]                                              memory of requests that sleep in Lua, and the others' latency
//	bench reload [-entities 5000]                                               load time, and reloads under load
//	bench stream-idle [-tcp 20000] [-udp 50000]                                 memory of silent L4 sessions, and how they end
//	bench websocket [-clients 64]                                               CPU per echoed WebSocket message of 1 KB
//	bench stream [-cases tcp-download-4]                                        CPU per MB, message and datagram of layer 4
//
// Figures of two runs do not compare: neighbours and clock speed change. Figures of one run do, since every engine takes its turn
// in random order in short windows, pinned to one core, one worker, behind the same upstream and load. CPU is what the kernel booked on
// the engine's processes, so it does not matter whether the load saturates the engine.
//
// Read main.go first, then engines.go (what is measured) and cpu.go (how).
package main
