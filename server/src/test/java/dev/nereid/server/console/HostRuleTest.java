package dev.nereid.server.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostRuleTest {
    private final HostRule loopback = rule("127.0.0.1");

    private static HostRule rule(String address, String... hosts) {
        return new HostRule(new ConsoleOptions(true, address, 8003, List.of(hosts), false));
    }

    private static Optional<String> refusal(HostRule rule, String host) {
        return rule.refusal(Optional.of(host), Optional.empty(), Optional.empty(), Optional.empty());
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost:8003", "LOCALHOST:1", "127.0.0.1:8003", "127.0.0.1", "[::1]:8003"})
    void servesUnderTheNamesOfTheMachineItself(String host) {
        assertEquals(Optional.empty(), refusal(loopback, host));
    }

    @ParameterizedTest
    @ValueSource(strings = {"evil.example:8003", "localhost.evil.example", "evil.example#localhost", "",
        "10.0.0.1:8003",
        "[::2]", "localhost@evil.example", "127.0.0.1.evil.example"})
    void refusesNamesThatAreNotItsOwn(String host) {
        assertTrue(
                refusal(loopback, host).orElseThrow().startsWith("Host '" + host + "' is not a name of this console"));
    }

    @Test
    void refusesARequestWithoutAHost() {
        assertTrue(
                loopback.refusal(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty()).isPresent());
    }

    @Test
    void knowsTheAddressThatItIsBoundToAndTheNamesThatItIsGiven() {
        HostRule rule = rule("10.0.0.7", "console.example.com");
        assertEquals(Optional.empty(), refusal(rule, "10.0.0.7:8003"));
        assertEquals(Optional.empty(), refusal(rule, "Console.Example.com"));
        assertTrue(refusal(rule, "10.0.0.8:8003").isPresent());
        assertEquals(Optional.empty(), refusal(rule("fe80::1"), "[fe80::1]:80"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0.0.0.0", "::"})
    void onAllAddressesAnyNumberWillDoButNoName(String address) {
        assertEquals(Optional.empty(), refusal(rule(address), "192.168.1.4:8003"));
        assertEquals(Optional.empty(), refusal(rule(address), "[2001:db8::1]:8003"));
        assertTrue(refusal(rule(address), "evil.example").isPresent());
    }

    @Test
    void refusesPagesOfOtherSites() {
        Optional<String> host = Optional.of("localhost:8003");
        Optional<String> none = Optional.empty();
        assertEquals(none,
                loopback.refusal(host, Optional.of("http://localhost:8003"), Optional.of("same-origin"), none));
        for (String origin : List.of("http://evil.example", "null", "http://localhost:8000", "http://localhost",
                "http://localhost:8003.evil.example")) {
            assertEquals(Optional.of("Origin '" + origin + "' is not this console's page"),
                    loopback.refusal(host, Optional.of(origin), none, none));
        }
        for (String site : List.of("cross-site", "same-site")) {
            assertTrue(loopback.refusal(host, none, Optional.of(site), Optional.of("no-cors")).isPresent());
            assertTrue(loopback.refusal(host, none, Optional.of(site), none).isPresent());
            // A link that somebody has followed.
            assertEquals(none, loopback.refusal(host, none, Optional.of(site), Optional.of("navigate")));
        }
        assertEquals(none, loopback.refusal(host, none, Optional.of("none"), Optional.of("navigate")));
    }
}
