import type { Catalogue } from './catalogue.js';

/** Spanish. */
export const es: Catalogue = {
  'duration.days': '{count, plural, one {# día} other {# días}}',
  'duration.hours': '{count, plural, one {# hora} other {# horas}}',
  'duration.minutes': '{count, plural, one {# minuto} other {# minutos}}',
  'duration.seconds': '{count, plural, one {# segundo} other {# segundos}}',

  'page.languages': 'Idioma',
  'page.support': 'Ayuda',
  'page.email': 'Correo electrónico',
  'page.password': 'Contraseña',
  'page.showPassword': 'Mostrar la contraseña',

  'ways.goOn': 'Continuar',
  'ways.signIn': 'Iniciar sesión',
  'ways.back': 'Volver al inicio de sesión',
  'ways.newLink': 'Pedir un enlace nuevo',
  'ways.openForm': 'Abrir el formulario',

  'wayf.title': '¿De qué institución viene?',
  'wayf.for': 'Va a iniciar sesión en {service} y después volverá a {site}.',
  'wayf.institution': 'Su institución',
  'wayf.search': 'Buscar',
  'wayf.count': '{count, plural, =0 {No se encontró ninguna institución} one {# institución} other {# instituciones}}',
  'wayf.first': 'Las primeras {count, plural, one {# institución} other {# instituciones}}',
  'wayf.narrow': 'Escriba una parte más larga del nombre para acotar la búsqueda.',
  'wayf.nothing': 'Ninguna institución coincide con este nombre.',
  'wayf.similar': 'Ninguna institución se llama así. Estas tienen un nombre parecido:',
  'wayf.byNetwork':
    'Con las instituciones sin enlace no se inicia sesión aquí. Si la suya da acceso a través de su red, conéctese a ella y abra la página de nuevo.',
  'wayf.without': 'Iniciar sesión sin institución',
  'wayf.last': 'Inició sesión con:',
  'wayf.forget': 'Olvidar esta elección',
  'wayf.expired': 'Esta página ha caducado. Vuelva al sitio del que vino.',
  'wayf.absent': 'Esta institución no está disponible. Vuelva atrás y elija otra.',

  'signIn.title': 'Iniciar sesión',
  'signIn.titleFor': 'Iniciar sesión: {name}',
  'signIn.titleAgain': 'Iniciar sesión: inténtelo de nuevo',
  'signIn.with': 'Con una cuenta de {name}.',
  'signIn.choose': 'Elegir una institución',
  'signIn.chooseAnother': 'Elegir otra institución',
  'signIn.remember': 'Recordar esta institución en este navegador',
  'signIn.button': 'Iniciar sesión',
  'signIn.forgot': '¿Olvidó su contraseña?',
  'signIn.wrong': 'El correo electrónico o la contraseña no son correctos.',
  'signIn.otherInstitution': 'Esta cuenta no pertenece a {name}.',
  'signIn.unverified': 'Confirme primero su correo electrónico. Abra el enlace que le enviamos.',
  'signIn.passwordExpired': 'Esta contraseña era provisional y ha caducado. Pida un enlace para elegir una nueva.',
  'signIn.otherSite': 'Este formulario se envió desde otro sitio. Ábralo aquí y rellénelo de nuevo.',

  'root.text':
    'Aquí {service} inicia la sesión de las personas, y aquí los programas hablan con el servicio. Si un enlace le trajo aquí, vuelva al sitio del que venía.',
  'root.docs': 'Documentación de la API',
  'root.ready': 'Si el servicio está listo',

  'link.needsScript': 'Esta página necesita JavaScript para leer el enlace de su correo.',
  'link.incomplete': 'Este enlace está incompleto. Abra de nuevo el enlace del correo.',
  'link.used': 'Este enlace ya se usó o ha caducado.',
  'link.perhapsDone':
    'Este enlace ya se usó o ha caducado. Lo que envió antes quedó sin respuesta, pero quizá funcionó: compruébelo primero.',
  'link.unreachable': 'No se pudo conectar con el servidor. Inténtelo más tarde.',
  'link.taken': 'Ya existe una cuenta con este correo electrónico.',
  'link.invited':
    'Hay una invitación para este correo electrónico. La hemos enviado de nuevo: ábrala para elegir una contraseña.',
  'link.signUpClosed': 'El registro está cerrado. Pida una cuenta a un administrador.',

  'ask.reset.title': '¿Olvidó su contraseña?',
  'ask.reset': 'Escriba su correo electrónico y le enviaremos un enlace para elegir una contraseña nueva.',
  'ask.invitation.title': 'Pedir una invitación nueva',
  'ask.invitation':
    'Escriba el correo electrónico al que llegó su invitación y le enviaremos un enlace para elegir una contraseña.',
  'ask.verification.title': 'Pedir un enlace nuevo para confirmar su correo electrónico',
  'ask.verification': 'Escriba el correo electrónico que quiere confirmar y le enviaremos un enlace.',
  'ask.button': 'Enviar el enlace',
  'ask.badEmail': 'Escriba un correo electrónico, por ejemplo jane@example.org.',
  'ask.sent.title': 'Revise su buzón',
  'ask.sent':
    'Si hay una cuenta con el correo electrónico que ha escrito, le hemos enviado un enlace. Se puede usar una vez, en un plazo de {lifetime}.',
  'ask.sent.claim':
    'Si hay una cuenta con el correo electrónico que ha escrito, le hemos enviado un enlace. Se puede usar una vez, dentro del plazo que indica el correo.',
  'ask.sent.hint':
    '¿No llega nada después de unos minutos? Mire en la carpeta de correo no deseado y compruebe que escribió bien su dirección. Enviamos como máximo un enlace por minuto.',
  'ask.sent.other': 'Usar otra dirección',

  'password.tooShort': 'La contraseña debe tener al menos {count, plural, one {# carácter} other {# caracteres}}.',
  'password.tooLong': 'La contraseña debe tener como máximo {count, plural, one {# carácter} other {# caracteres}}.',
  'password.control': 'La contraseña no debe contener caracteres de control, como tabuladores y saltos de línea.',
  'password.tooCommon':
    'La contraseña es una de las más comunes, las primeras que se adivinan; elija otra, por ejemplo unas palabras que no tengan nada que ver entre sí.',
  'password.tooClose':
    'La contraseña es poco más que su correo, su nombre o el nombre de este servicio; elija otra, por ejemplo unas palabras que no tengan nada que ver entre sí.',
  'password.stillInitial': 'La contraseña no debe ser la que le dieron.',
  'password.refused': 'Esta contraseña no se puede usar. Elija otra.',
  'password.notTheOne': 'Esta no es la contraseña con la que se registró.',

  'invitation.title': 'Le damos la bienvenida: elija una contraseña',

  'reset.title': 'Elija una contraseña nueva',
  'reset.password': 'Contraseña nueva',
  'reset.hint': 'Al menos {count, plural, one {# carácter} other {# caracteres}}.',
  'reset.button': 'Guardar',
  'reset.done': 'Su contraseña se ha cambiado. Ya puede iniciar sesión con ella.',
  'reset.used': 'Este enlace ya se usó o ha caducado. Pida uno nuevo.',

  'verify.title': 'Confirme su correo electrónico',
  'verify.hint':
    'Escriba la contraseña con la que se registró, o la de su cuenta, para confirmar que este correo es suyo.',
  'verify.button': 'Confirmar el correo',
  'verify.done': 'Su correo electrónico está confirmado. Ya puede iniciar sesión.',

  'undo.title': 'Deshacer el cambio de correo electrónico',
  'undo.hint':
    'Se restablece su correo anterior, se cierran todas las sesiones de su cuenta y se elimina su contraseña. Recibirá un correo para elegir una nueva.',
  'undo.button': 'Deshacer el cambio',
  'undo.done':
    'Su correo se ha restablecido y todas las sesiones se han cerrado. Recibirá un correo para elegir una contraseña nueva.',

  'error.badRequest.title': 'No ha funcionado',
  'error.badRequest': 'No se pudo entender la solicitud. Vuelva atrás e inténtelo de nuevo.',
  'error.expired.title': 'Esta página ha caducado',
  'error.forbidden.title': 'Esto no está permitido aquí',
  'error.forbidden': 'No tiene permiso para hacer esto.',
  'error.internal.title': 'Algo ha salido mal',
  'error.internal': 'Se produjo un error interno. No es culpa suya. Inténtelo más tarde.',
  'error.internal.request': 'Solicitud {id}',
  'error.notFound.title': 'No encontramos esta página',
  'error.notFound': 'Compruebe la dirección o vuelva al sitio del que vino.',
  'error.rateLimited.title': 'Espere un momento',
  'error.rateLimited': 'Demasiados intentos. Inténtelo de nuevo en {wait}.',
  'error.tooMany': 'Demasiados intentos. Inténtelo más tarde.',
  'error.locked':
    'Demasiados inicios de sesión fallidos. Inicie sesión desde un lugar donde ya lo haya hecho o restablezca su contraseña.',
  'error.unavailable.title': 'Volvemos enseguida',
  'error.unavailable': 'El servicio no está disponible por el momento. Inténtelo más tarde.',

  'mail.help': 'Ayuda: {address}',
  'mail.when': 'Cuándo: {time}',
  'mail.from': 'Desde: {origin}',
  'mail.reset.subject': 'Elija una contraseña nueva para {service}',
  'mail.reset.text': 'Hemos recibido una solicitud para restablecer la contraseña de {email} en {service}.',
  'mail.reset.link': 'Abra este enlace en un plazo de {lifetime} para elegir una contraseña nueva:',
  'mail.reset.button': 'Elegir una contraseña nueva',
  'mail.reset.ignore': 'Si no la ha solicitado, puede ignorar este mensaje. Su contraseña no ha cambiado.',
  'mail.invitation.subject': 'Invitación a {service}',
  'mail.invitation.text': 'Se ha creado una cuenta para {email} en {service}.',
  'mail.invitation.by': 'Invitación de: {name}',
  'mail.invitation.link': 'Abra este enlace en un plazo de {lifetime} para elegir una contraseña:',
  'mail.invitation.button': 'Elegir una contraseña',
  'mail.invitation.ignore':
    'Si no esperaba una invitación, puede ignorar este mensaje. Sin contraseña, nadie puede iniciar sesión.',
  'mail.verify.subject': 'Confirme su correo electrónico para {service}',
  'mail.verify.text':
    'Se ha creado una cuenta en {service} con el correo {email}, o se ha asociado ese correo a una cuenta.',
  'mail.verify.link': 'Si ha sido usted, abra este enlace en un plazo de {lifetime} para confirmar su correo:',
  'mail.verify.button': 'Confirmar el correo',
  'mail.verify.ignore': 'Si no ha sido usted, puede ignorar este mensaje.',
  'mail.signUp.text': 'Alguien está creando una cuenta en {service} con el correo {email}.',
  'mail.signUp.link':
    'Si es usted, abra este enlace en un plazo de {lifetime} e introduzca la contraseña con la que se registró:',
  'mail.signUp.ignore':
    'Si no es usted, puede ignorar este mensaje. No se crea ninguna cuenta sin el enlace y la contraseña.',
  'mail.change.subject': 'Confirme su nuevo correo electrónico para {service}',
  'mail.change.text': 'El correo de una cuenta en {service} se va a cambiar a {email}.',
  'mail.change.link':
    'Si es usted, abra este enlace en un plazo de {lifetime} e introduzca la contraseña de su cuenta:',
  'mail.change.button': 'Confirmar el correo',
  'mail.change.ignore': 'Si no es usted, puede ignorar este mensaje. Nada cambia sin el enlace y la contraseña.',
  'mail.taken.subject': 'Ya tiene una cuenta en {service}',
  'mail.taken.text': 'Alguien ha pedido una cuenta en {service} con el correo {email}, que ya tiene una.',
  'mail.taken.signIn': 'Si ha sido usted, inicie sesión en ella. Si no recuerda la contraseña, pida una nueva aquí:',
  'mail.taken.ignore': 'Si no ha sido usted, puede ignorar este mensaje. Nada ha cambiado.',
  'mail.moved.subject': 'Se ha cambiado el correo de su cuenta en {service}',
  'mail.moved.text':
    'El correo de su cuenta en {service} ha dejado de ser {email} y ahora es otro. Si ha sido usted, no tiene que hacer nada.',
  'mail.moved.link':
    'Si no ha sido usted, abra este enlace en un plazo de {lifetime} para recuperar su correo, cerrar todas las sesiones y elegir una contraseña nueva:',
  'mail.moved.button': 'Deshacer el cambio',
  'mail.moved.gone':
    'El correo de una cuenta en {service} ha dejado de ser {email} y ahora es otro. Si no lo esperaba, póngase en contacto con el responsable de {service}.',
  'mail.password.changed': 'Se ha cambiado su contraseña de {service}',
  'mail.password.removed': 'Se ha eliminado su contraseña de {service}',
  'mail.password.way.session': 'Alguien que había iniciado sesión en su cuenta de {service} ha cambiado la contraseña.',
  'mail.password.way.moved':
    'Alguien que había iniciado sesión en su cuenta de {service} ha cambiado el correo y la contraseña.',
  'mail.password.way.link':
    'La contraseña de su cuenta en {service} se ha establecido con un enlace enviado a esta dirección.',
  'mail.password.way.admin':
    'Un administrador ha eliminado la contraseña de su cuenta en {service}. Se han cerrado todas las sesiones.',
  'mail.password.way.undo':
    'El cambio de correo de su cuenta en {service} se ha deshecho con un enlace enviado a esta dirección. Se ha eliminado la contraseña, porque otra persona puede conocerla, y se han cerrado todas las sesiones.',
  'mail.password.mine': 'Si ha sido usted, no tiene que hacer nada.',
  'mail.password.notMine':
    'Si no ha sido usted, elija una contraseña nueva: donde inicia sesión, pida un enlace para restablecerla. Con ello se cierran todas las demás sesiones. Después, póngase en contacto con el responsable de {service} y cambie la contraseña de su buzón si otra persona ha podido leerlo.',
  'mail.password.notMineMoved':
    'Si no ha sido usted, abra el enlace de nuestro mensaje sobre el cambio de su correo, si lo tiene. Con ello se cierran todas las demás sesiones. Después, póngase en contacto con el responsable de {service} y cambie la contraseña de su buzón si otra persona ha podido leerlo.',
  'mail.password.afterAdmin':
    'Para volver a iniciar sesión, elija una contraseña nueva. Pida aquí el enlace para hacerlo:',
  'mail.password.unexpected': 'Si no lo esperaba, póngase en contacto con el responsable de {service}.',
  'mail.password.afterUndo':
    'Para volver a iniciar sesión, elija una contraseña nueva con el enlace que le hemos enviado en otro mensaje.',
  'mail.password.mailbox':
    'Si no lo esperaba, póngase en contacto con el responsable de {service} y cambie la contraseña de su buzón: otra persona ha podido leerlo.',
};
