package dev.nereid.distribution.release;

import dev.nereid.json.JsonWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Writes which libraries are in a release, as CycloneDX 1.6 in JSON. */
final class BillOfMaterials {
    /** Names of licences as authors write them, in small letters and without what stands between words, to SPDX. */
    private static final Map<String, String> SPDX = Map.ofEntries(Map.entry("apache20", "Apache-2.0"),
            Map.entry("apachelicense20", "Apache-2.0"), Map.entry("apachelicenseversion20", "Apache-2.0"),
            Map.entry("apachelicensev20", "Apache-2.0"), Map.entry("apache2", "Apache-2.0"),
            Map.entry("theapachelicenseversion20", "Apache-2.0"),
            Map.entry("theapachesoftwarelicenseversion20", "Apache-2.0"), Map.entry("mit", "MIT"),
            Map.entry("mitlicense", "MIT"), Map.entry("themitlicense", "MIT"), Map.entry("bsd3clause", "BSD-3-Clause"),
            Map.entry("3clausebsdlicense", "BSD-3-Clause"), Map.entry("bsd2clause", "BSD-2-Clause"),
            Map.entry("thebsd3clauselicense", "BSD-3-Clause"));

    private BillOfMaterials() {
    }

    /** Returns the SPDX identifier of a licence; empty where its name does not tell one. */
    static String spdx(String licence) {
        return SPDX.getOrDefault(licence.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]", ""), "");
    }

    /**
     * Writes the document.
     *
     * @param version the version of the release
     * @param time when it was built, as ISO 8601
     */
    static String write(List<Component> components, String version, String time) {
        JsonWriter json = new JsonWriter().beginObject();
        json.name("bomFormat").string("CycloneDX").name("specVersion").string("1.6").name("version").integer(1);
        json.name("metadata").beginObject().name("timestamp").string(time).name("component").beginObject()
                .name("type").string("application").name("group").string("dev.nereid").name("name").string("nereid")
                .name("version").string(version).endObject().endObject();
        json.name("components").beginArray();
        components.forEach(component -> write(json, component));
        json.endArray().endObject();
        return new String(json.buffer(), 0, json.size(), StandardCharsets.UTF_8) + "\n";
    }

    private static void write(JsonWriter json, Component component) {
        json.beginObject().name("type").string("library").name("bom-ref").string(component.packageUrl()).name("group")
                .string(component.group()).name("name").string(component.artifact()).name("version")
                .string(component.version()).name("purl").string(component.packageUrl());
        json.name("hashes").beginArray().beginObject().name("alg").string("SHA-256").name("content")
                .string(component.sha256()).endObject().endArray();
        json.name("licenses").beginArray();
        for (String licence : component.licences()) {
            String id = spdx(licence);
            json.beginObject().name("license").beginObject();
            json.name(id.isEmpty() ? "name" : "id").string(id.isEmpty() ? licence : id).endObject().endObject();
        }
        json.endArray().name("evidence").beginObject().name("occurrences").beginArray();
        component.files().forEach(file -> json.beginObject().name("location").string(file).endObject());
        json.endArray().endObject().endObject();
    }
}
