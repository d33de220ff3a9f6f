package dev.nereid.backend.pytorch;

import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Type;

/** Makes a {@code Dict[str, Tensor]}. The bindings have no constructor for one, so a small script makes it. */
final class DictionaryMaker implements AutoCloseable {
    private static final String SOURCE = """
            def forward(self, names: List[str], tensors: List[Tensor]) -> Dict[str, Tensor]:
              result: Dict[str, Tensor] = {}
              for i in range(len(names)):
                result[names[i]] = tensors[i]
              return result
            """;

    private final TorchModule script;
    private final IValue names;
    private final Type.TypePtr tensorType;

    private DictionaryMaker(TorchModule script, IValue names, Type.TypePtr tensorType) {
        this.script = script;
        this.names = names;
        this.tensorType = tensorType;
    }

    static DictionaryMaker create(List<String> keys) {
        TorchModule script = TorchModule.compile(SOURCE);
        try (PointerScope scope = new PointerScope()) {
            Type.TypePtr stringType = script.listElementType(0);
            scope.attach(stringType);
            GenericList list = new GenericList(stringType);
            keys.forEach(key -> list.push_back(new IValue(key)));
            stringType.releaseReference();
            IValue names = new IValue(list);
            names.retainReference();
            return new DictionaryMaker(script, names, script.listElementType(1));
        }
    }

    /** Returns a dictionary of the tensors, in the order of the keys. The caller's scope owns it. */
    IValue make(IValue[] tensors) {
        GenericList list = new GenericList(tensorType);
        for (IValue tensor : tensors) {
            list.push_back(tensor);
        }
        return script.forward(new IValueVector(names, new IValue(list)));
    }

    @Override
    public void close() {
        names.close();
        tensorType.close();
        script.close();
    }
}
