;;; pen-rpc-process.el --- The life of pen's service -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The process behind pen-rpc.el: how it is started and greeted, and how its
;; death is noticed.  Nothing here waits.

;;; Code:

(eval-when-compile
  (require 'cl-lib)
  (require 'pcase))
(require 'pen-rpc-error)
(require 'pen-rpc-value)
(require 'pen-rpc-events)
(require 'pen-rpc-backoff)
(require 'pen-rpc-again)
(require 'pen-rpc-advice)
(require 'pen-rpc-wire)

;;;; Customization

(defgroup pen nil
  "Fine-tune and prompt language models."
  :group 'convenience
  :prefix "pen-")

(defcustom pen-python-command nil
  "The Python that has the package pen-backend.
If nil it is looked for: installed by pen, beside a checkout, on the path."
  :type '(choice (const :tag "Look for it" nil) file)
  :risky t
  :group 'pen)

(defcustom pen-rpc-start-deadline 15
  "Seconds that the service may take for its first answer."
  :type 'number
  :group 'pen)

;;;; State

(defconst pen-rpc-protocol 1 "The protocol's number.")
(defconst pen-rpc-version "0.1.0" "The version of this client.")

(defconst pen-rpc-directory
  (file-name-directory (or load-file-name buffer-file-name "/"))
  "Where this file is.")

(defvar pen-rpc-arguments '("-P" "-m" "pen_backend" "serve")
  "What makes `pen-python-command' serve.")
(put 'pen-rpc-arguments 'risky-local-variable t)

(defvar pen-rpc-state-functions nil
  "Functions called with the new state whenever it changes.")

(defvar pen-rpc--state 'stopped)
(defvar pen-rpc--timer nil "Ends a start that takes too long.")
(defvar pen-rpc--restart-timer nil "Starts the service again.")
(defvar pen-rpc--restarting nil "Non-nil while a service ends so that another starts.")
(defvar pen-rpc--uid 0 "Number of the last call.")
(defvar pen-rpc--waiting nil "Frames to send after hello, newest first.")
(defvar pen-rpc--fresh nil "Number of the call that is being sent.")
(defvar pen-rpc--hello nil "What the last service that answered said of itself.")
(defvar pen-rpc--warned nil "Non-nil once a different method table was told.")

(defvar pen-rpc--again-function #'ignore
  "Makes the subscription that it gets again; the client sets it.")

(defun pen-rpc-state ()
  "Return `stopped', `starting', `ready', `lost' or `failed'."
  pen-rpc--state)

(defun pen-rpc-server ()
  "Return what the last service that answered said of itself, a plist, or nil."
  pen-rpc--hello)

(defun pen-rpc-pid ()
  "Return the process id of the service, nil if there is none."
  (and (process-live-p pen-rpc--process) (process-id pen-rpc--process)))

(defun pen-rpc--set-state (state)
  "Make STATE the state and tell those who want to know."
  (unless (eq state pen-rpc--state)
    (setq pen-rpc--state state)
    (pen-rpc--guard #'run-hook-with-args 'pen-rpc-state-functions state)))

;;;; Starting and ending

(defun pen-rpc-python ()
  "Return the name of the Python to run."
  (cl-loop for name in (list pen-python-command
                             (expand-file-name "pen/bin/python" user-emacs-directory)
                             (expand-file-name "../.venv/bin/python" pen-rpc-directory))
           when (and name (or pen-python-command (file-executable-p name)))
           return name
           finally return "python3"))

(defun pen-rpc-ensure ()
  "Start the service if there is none and return the state; never wait."
  (unless (process-live-p pen-rpc--process)
    (pen-rpc--lost pen-rpc--process)
    (let ((wait (pen-rpc--start-wait)))
      (cond
       ((null wait)
        (run-at-time 0 nil #'pen-rpc--give-up))
       ((<= wait 0)
        (pen-rpc--start))
       ((null pen-rpc--restart-timer)
        (setq pen-rpc--restart-timer (run-at-time wait nil #'pen-rpc--start-again))))))
  pen-rpc--state)

(defun pen-rpc--start-again ()
  "Start the service if anybody still waits for it."
  (setq pen-rpc--restart-timer nil)
  (when pen-rpc--waiting
    (pen-rpc-ensure)))

(defun pen-rpc--give-up ()
  "Tell all who wait that the service dies again and again."
  (unless (process-live-p pen-rpc--process)
    (pen-rpc--fail 'failed
                   (pen-rpc--error
                    'start
                    (format "The service died %d times within a minute and is not started again."
                            (1+ (length pen-rpc--restarts)))
                    (concat "Run M-x pen-doctor to see why;"
                            " M-x pen-restart-backend tries once more.")))))

(defun pen-rpc--start ()
  "Start the service and greet it."
  (pen-rpc--note-start)
  (let ((process-adaptive-read-buffering nil)
        (process-environment (append (pen-rpc--environment) process-environment))
        (default-directory (if (file-directory-p "~/") (expand-file-name "~/") "/"))
        (errors (generate-new-buffer " *pen-rpc errors*" t))
        (buffer (generate-new-buffer " *pen-rpc*" t)))
    (with-current-buffer buffer
      (set-buffer-multibyte nil)
      (buffer-disable-undo))
    (unless (buffer-live-p pen-rpc--reader)
      (setq pen-rpc--reader (generate-new-buffer " *pen-rpc reader*" t))
      (with-current-buffer pen-rpc--reader
        (buffer-disable-undo)))
    (setq pen-rpc--need 6)
    (pen-rpc--set-state 'starting)
    (setq pen-rpc--process (pen-rpc--make-process buffer errors))
    (if pen-rpc--process
        (pen-rpc--begin pen-rpc--process errors)
      (kill-buffer buffer)
      (kill-buffer errors))))

(defun pen-rpc--environment ()
  "Return what the environment of the service has beside that of Emacs."
  (let ((directory (bound-and-true-p pen-prompts-directory)))
    (and directory
         (list (concat "PEN_PROMPTS_DIRECTORY=" (expand-file-name directory))))))

(defun pen-rpc--make-process (buffer errors)
  "Return the process of the service, with BUFFER and the buffer ERRORS.
If it cannot be made, return nil and have the calls that wait fail."
  (let ((python (pen-rpc-python)))
    (condition-case err
        (if (executable-find python)    ; writing to what never ran kills batch Emacs
            (make-process :name "pen" :buffer buffer :stderr errors
                          :command (cons python pen-rpc-arguments)
                          :connection-type 'pipe :coding 'binary :noquery t
                          :filter #'pen-rpc--filter :sentinel #'pen-rpc--sentinel)
          (error "There is no program %s" python))
      (error
       (run-at-time 0 nil #'pen-rpc--fail 'failed
                    (pen-rpc--error 'start (format "The service cannot be started: %s."
                                                   (error-message-string err))
                                    (concat "Set `pen-python-command' to a Python that has pen-backend,"
                                            " or run M-x pen-install-backend.")))
       nil))))

(defun pen-rpc--begin (process errors)
  "Greet PROCESS, with its stderr in ERRORS, and see that it answers in time."
  (let ((reader (get-buffer-process errors)))
    (when reader
      (set-process-query-on-exit-flag reader nil)
      (set-process-sentinel reader #'ignore)))
  (process-put process 'pen-rpc-errors errors)
  (setq pen-rpc--timer (run-at-time pen-rpc-start-deadline nil
                                    #'pen-rpc--start-failed process))
  (pen-rpc--greet process))

(defun pen-rpc--greet (process)
  "Greet PROCESS; what waits is sent once it has answered."
  (puthash (cl-incf pen-rpc--uid)
           (cons (lambda (hello) (pen-rpc--greeted process hello))
                 (lambda (err)
                   (when (eq process pen-rpc--process)
                     (pen-rpc--end process 'failed err))))
           pen-rpc--pending)
  (pen-rpc--write process
                  (pen-rpc--frame pen-rpc--uid "pen-hello" (pen-rpc-greeting))))

(defun pen-rpc-greeting ()
  "Return the arguments of the method pen-hello, about this Emacs."
  (list :protocol pen-rpc-protocol :client pen-rpc-version :emacs emacs-version :keys t))

(defun pen-rpc--greeted (process hello)
  "Take PROCESS, which answered HELLO, into service."
  (when (eq process pen-rpc--process)
    (cancel-timer pen-rpc--timer)
    (setq pen-rpc--hello hello)
    (if (not (eql pen-rpc-protocol (plist-get hello :protocol)))
        (pen-rpc--end process 'failed (pen-rpc--version-error hello))
      (let ((waiting (nreverse pen-rpc--waiting)))
        (setq pen-rpc--waiting nil)
        (pen-rpc--set-state 'ready)
        (dolist (frame waiting)
          (pen-rpc--write process frame)))
      (pen-rpc--compare-methods hello))))

(defun pen-rpc--version-error (hello)
  "Return the error of a service whose HELLO has another protocol."
  (pen-rpc--error 'version
                  (format "Emacs has pen %s (protocol %s), the service is pen %s (protocol %s)."
                          pen-rpc-version pen-rpc-protocol
                          (plist-get hello :server) (plist-get hello :protocol))
                  "Run M-x pen-install-backend."))

(defun pen-rpc--compare-methods (hello)
  "Say once if the service that said HELLO has other methods than the stubs."
  (when (and (boundp 'pen-rpc-methods-hash)
             (not (equal pen-rpc-methods-hash (plist-get hello :methods-hash)))
             (not pen-rpc--warned))
    (setq pen-rpc--warned t)
    (pen-rpc-log "Methods of the service: %s, of Emacs: %s"
                 (plist-get hello :methods-hash) pen-rpc-methods-hash)
    (message "%s" (concat "Pen's service and its Emacs package are not of one version;"
                          " some calls may fail.  M-x pen-install-backend mends that."))))

(defun pen-rpc--start-failed (process)
  "Give PROCESS up: it has not answered in time, or it ended."
  (when (and (eq process pen-rpc--process) (eq pen-rpc--state 'starting))
    (let ((said (pen-rpc--said process)))
      (setq pen-rpc--start-said said)
      (pen-rpc--end process 'failed
                    (pen-rpc--start-error process said pen-rpc-start-deadline)))))

(defun pen-rpc--sentinel (process _event)
  "Notice that PROCESS ended."
  (unless (process-live-p process)
    (pen-rpc--lost process)))

(defun pen-rpc--lost (process)
  "Fail whatever hangs on PROCESS, which is dead."
  (when (and process (eq process pen-rpc--process))
    (if (eq pen-rpc--state 'starting)
        (let ((errors (get-buffer-process (process-get process 'pen-rpc-errors)))
              (rounds 100))             ; what it said is worth a moment
          (while (and (process-live-p errors) (> (cl-decf rounds) 0)
                      (accept-process-output errors 0.01 nil t)))
          (pen-rpc--start-failed process))
      (pen-rpc--end process 'lost
                    (pen-rpc--error 'connection-lost
                                    (format "The service ended (%s %s)."
                                            (process-status process)
                                            (process-exit-status process))
                                    "The next call starts it again.")))))

(defun pen-rpc--out-of-step (process said)
  "Give PROCESS up: it sent SAID where a message begins.
Before it has greeted that is the start's fault, and another start
would be no better."
  (if (eq pen-rpc--state 'starting)
      (pen-rpc--end process 'failed
                    (pen-rpc--error
                     'start
                     (format "%s printed \"%s\" before the service began."
                             (car (process-command process))
                             (car (split-string (decode-coding-string said 'utf-8) "[\n\r\0]")))
                     (concat "Set `pen-python-command' to a Python that prints nothing itself,"
                             " or run M-x pen-install-backend.")))
    (pen-rpc--end process 'lost
                  (pen-rpc--error 'connection-lost
                                  "The service sent something that is no message."
                                  "The next call starts it again."))))

(setq pen-rpc--out-of-step-function #'pen-rpc--out-of-step)

(defun pen-rpc--end (process state err)
  "Make an end with PROCESS: STATE follows, and ERR for all who wait."
  (setq pen-rpc--process nil)
  (when (eq state 'lost)
    (pen-rpc--note-death))
  (pen-rpc--dispose process)
  (pen-rpc--fail state err))

(defun pen-rpc--dispose (process)
  "Kill PROCESS and its buffers."
  (set-process-sentinel process #'ignore)
  (set-process-filter process #'ignore)
  (delete-process process)
  (dolist (buffer (list (process-buffer process) (process-get process 'pen-rpc-errors)))
    (when (buffer-live-p buffer)
      (let ((reader (get-buffer-process buffer)))
        (when reader
          (set-process-sentinel reader #'ignore)
          (delete-process reader)))
      (kill-buffer buffer))))

(defun pen-rpc--fail (state err)
  "Enter STATE; every call and request that waits ends with ERR.
Subscriptions do not, if there will be another service."
  (dolist (timer (list pen-rpc--timer pen-rpc--restart-timer))
    (when timer
      (cancel-timer timer)))
  (setq pen-rpc--restart-timer nil)
  (let ((calls nil) (requests nil))
    (maphash (lambda (uid entry) (push (cons uid (cdr entry)) calls)) pen-rpc--pending)
    (maphash (lambda (id request) (push (cons id request) requests)) pen-rpc--followed)
    (clrhash pen-rpc--pending)
    (setq pen-rpc--waiting nil)
    (pen-rpc--set-state state)
    (dolist (call (nreverse calls))
      (if (eql (car call) pen-rpc--fresh) ; never before `pen-rpc-call' returns
          (run-at-time 0 nil #'pen-rpc--guard (cdr call) err)
        (pen-rpc--guard (cdr call) err)))
    (pcase-dolist (`(,id . ,request) (nreverse requests))
      (cond
       ((and (pen-rpc--again-p request)
             (or (eq state 'lost) pen-rpc--restarting))
        (pen-rpc--leave id request)
        (funcall pen-rpc--again-function request))
       ((pen-rpc--request-function request)
        (pen-rpc--queue id nil 'error
                        (append (nth 2 err)
                                (list :partial (pen-rpc--partial request)))))
       (t (remhash id pen-rpc--followed))))
    (pen-rpc--deliver)))

(defun pen-rpc-stop ()
  "End the service: close its input, and kill it if it lives a second later."
  (interactive)
  (let ((process pen-rpc--process))
    (setq pen-rpc--process nil)
    (when process
      (set-process-filter process #'ignore)
      (set-process-sentinel process #'pen-rpc--stopped)
      (when (process-live-p process)
        (ignore-errors (process-send-eof process)))
      (run-at-time 1 nil #'pen-rpc--dispose process))
    (pen-rpc--forget-deaths)
    (pen-rpc--fail 'stopped (pen-rpc--error 'connection-lost "The service was stopped."))))

(defun pen-rpc--stopped (process _event)
  "Clear up after PROCESS, which was asked to end."
  (unless (process-live-p process)
    (pen-rpc--dispose process)))

(defun pen-rpc-restart ()
  "End the service and start another one, however often it has died."
  (interactive)
  (let ((pen-rpc--restarting t))
    (pen-rpc-stop))
  (pen-rpc--forget-deaths)
  (pen-rpc-ensure))

(defun pen-rpc--kill-emacs ()
  "Tell the service that Emacs is about to end; it ends by itself."
  (when (process-live-p pen-rpc--process)
    (ignore-errors (process-send-eof pen-rpc--process))))
(add-hook 'kill-emacs-hook #'pen-rpc--kill-emacs)

;;;; Writing

(defun pen-rpc--write (process frame)
  "Send FRAME to PROCESS, as one string: filters run inside, and may send too.
Look first whether it lives: in batch Emacs, SIGPIPE is deadly."
  (condition-case nil
      (if (process-live-p process)
          (process-send-string process frame)
        (pen-rpc--lost process))
    (error (pen-rpc--lost process))))

(provide 'pen-rpc-process)
;;; pen-rpc-process.el ends here
