package dev.nereid.server.console;

import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Tells requests of this console's own page from those that a foreign page makes a browser send. A page of another site
 * can reach a server on the user's machine under a name of its own (DNS rebinding), which the header {@code Host} tells, or
 * under ours, which {@code Origin} and {@code Sec-Fetch-Site} tell. Immutable.
 */
public final class HostRule {
    private static final Pattern IPV4 = Pattern.compile("[0-9]{1,3}(\\.[0-9]{1,3}){3}");
    private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]");
    private static final Set<String> ALL_ADDRESSES = Set.of("0.0.0.0", "[::]");

    private final Set<String> names = new TreeSet<>(LOOPBACK);
    private final boolean isForAllAddresses;

    /** Creates the rule of a console that is bound to that address, and known by those further names. */
    public HostRule(ConsoleOptions options) {
        String bound = literal(options.address());
        names.add(bound);
        options.hosts().forEach(host -> names.add(literal(host)));
        isForAllAddresses = ALL_ADDRESSES.contains(bound);
    }

    private static String literal(String address) {
        String name = address.toLowerCase(Locale.ROOT);
        return name.indexOf(':') >= 0 && !name.startsWith("[") ? "[" + name + "]" : name;
    }

    /**
     * Returns why a request is refused; empty where it is not.
     *
     * @param host the header {@code Host}
     * @param origin the header {@code Origin}
     * @param site the header {@code Sec-Fetch-Site}
     * @param mode the header {@code Sec-Fetch-Mode}
     */
    public Optional<String> refusal(Optional<String> host, Optional<String> origin, Optional<String> site,
            Optional<String> mode) {
        if (host.isEmpty() || !admits(host.get())) {
            return Optional.of("Host '" + host.orElse("") + "' is not a name of this console, expected one of "
                    + String.join(", ", names) + "; --console-host=<name> adds one");
        }
        if (origin.isPresent() && !isOwn(origin.get(), host.get())) {
            return Optional.of("Origin '" + origin.get() + "' is not this console's page");
        }
        boolean isFollowedLink = mode.orElse("").equals("navigate") && origin.isEmpty();
        boolean isForeign = site.isPresent() && !Set.of("same-origin", "none").contains(site.get());
        if (isForeign && !isFollowedLink) {
            return Optional.of("the request comes from the page of another site");
        }
        return Optional.empty();
    }

    private boolean admits(String host) {
        String name = nameOf(host.toLowerCase(Locale.ROOT));
        // Nobody can rebind a number.
        return names.contains(name)
                || (isForAllAddresses
                        && (IPV4.matcher(name).matches() || (name.startsWith("[") && name.endsWith("]"))));
    }

    /** Returns the name without the port, which is another one behind a tunnel. */
    private static String nameOf(String host) {
        int end = host.startsWith("[") ? host.indexOf(']') + 1 : host.indexOf(':');
        return end <= 0 ? host : host.substring(0, end);
    }

    private static boolean isOwn(String origin, String host) {
        return origin.equalsIgnoreCase("http://" + host) || origin.equalsIgnoreCase("https://" + host);
    }
}
