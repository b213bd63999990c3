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

  'wayf.title': '¿De qué institución viene?',
  'wayf.for': 'Inicia sesión en {service} y después vuelve a {site}.',
  'wayf.institution': 'Su institución',
  'wayf.search': 'Buscar',
  'wayf.count': '{count, plural, =0 {No se encontró ninguna institución} one {# institución} other {# instituciones}}',
  'wayf.first': 'Las primeras {count, plural, one {# institución} other {# instituciones}}',
  'wayf.narrow': 'Escriba más del nombre para acotar la búsqueda.',
  'wayf.nothing': 'Ninguna institución coincide con este nombre.',
  'wayf.similar': 'Ninguna institución se llama así. Estas tienen un nombre parecido:',
  'wayf.byNetwork':
    'Nadie inicia sesión aquí para una institución sin enlace. Si la suya da acceso por su red, conéctese a ella y abra la página de nuevo.',
  'wayf.without': 'Iniciar sesión sin institución',
  'wayf.expired': 'Esta página ha caducado. Vuelva al sitio del que vino.',
  'wayf.absent': 'Esta institución no está disponible. Vuelva atrás y elija otra.',

  'signIn.title': 'Iniciar sesión',
  'signIn.titleFor': 'Iniciar sesión: {name}',
  'signIn.titleAgain': 'Iniciar sesión: inténtelo de nuevo',
  'signIn.with': 'Con una cuenta de {name}.',
  'signIn.choose': 'Elegir una institución',
  'signIn.chooseAnother': 'Elegir otra institución',
  'signIn.button': 'Iniciar sesión',
  'signIn.forgot': '¿Olvidó su contraseña?',
  'signIn.wrong': 'El correo electrónico o la contraseña no son correctos.',
  'signIn.otherInstitution': 'Esta cuenta no pertenece a {name}.',
  'signIn.unverified': 'Confirme primero su correo electrónico. Abra el enlace que le enviamos.',
  'signIn.passwordExpired': 'Esta contraseña era provisional y ha caducado. Pida un enlace para elegir una nueva.',
  'signIn.otherSite': 'Este formulario se envió desde otro sitio. Recargue la página e inténtelo de nuevo.',

  'link.needsScript': 'Esta página necesita JavaScript para leer el enlace de su correo.',
  'link.incomplete': 'Este enlace está incompleto. Abra de nuevo el enlace del correo.',
  'link.used': 'Este enlace ya se usó o ha caducado.',
  'link.unreachable': 'No se pudo conectar con el servidor. Inténtelo más tarde.',

  'ask.reset.title': '¿Olvidó su contraseña?',
  'ask.reset': 'Escriba su correo electrónico y le enviaremos un enlace para elegir una contraseña nueva.',
  'ask.invitation.title': 'Pedir una invitación nueva',
  'ask.invitation':
    'Escriba el correo electrónico al que llegó su invitación y le enviaremos un enlace para elegir una contraseña.',
  'ask.verification.title': 'Pedir un enlace nuevo para confirmar su correo electrónico',
  'ask.verification': 'Escriba el correo electrónico que quiere confirmar y le enviaremos un enlace.',
  'ask.button': 'Enviar el enlace',
  'ask.badEmail': 'Escriba un correo electrónico, por ejemplo jane@example.org.',
  'ask.sent.title': 'Mire en su buzón',
  'ask.sent': 'Si conocemos {email}, un enlace va en camino. Se puede usar una vez, en un plazo de {lifetime}.',
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
    'Demasiados inicios de sesión fallidos. Inicie sesión desde donde ya lo hizo antes o restablezca su contraseña.',
  'error.unavailable.title': 'Volvemos enseguida',
  'error.unavailable': 'El servicio no está disponible por el momento. Inténtelo más tarde.',
};
