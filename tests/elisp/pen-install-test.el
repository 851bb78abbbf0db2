;;; pen-install-test.el --- Steps of the installation, with programs that only say so -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-peer)
(require 'pen-install)

(defconst pen-install-test-python "#!/bin/sh
here=$(dirname \"$0\")
echo \"$(basename \"$0\") $*\" >> \"$PEN_TEST/said\"
case \"$*\" in
  -c*) exit ${PEN_TEST_OLD:-0} ;;
  '-m venv'*) [ -z \"$PEN_TEST_NO_VENV\" ] || { echo 'ensurepip is not available'; exit 1; }
     for d; do :; done; mkdir -p \"$d/bin\"; cp \"$0\" \"$d/bin/python\" ;;
  '-m pip'*) echo Collecting torch; exit ${PEN_TEST_PIP:-0} ;;
  *--version) echo 'pen 0.1.0' ;;
esac
"
  "A Python that writes down what it is asked.")

(defmacro pen-install-test-with (variables &rest body)
  "Install with VARIABLES in the environment, then run BODY.
`said' is what was run, `log' what was shown, `took' how long the
command took to return."
  (declare (indent 1) (debug t))
  `(let* ((home (make-temp-file "pen-install" t))
          (user-emacs-directory (file-name-as-directory (expand-file-name "emacs" home)))
          (python (expand-file-name "python3" home))
          (pen-python-command nil)
          (exec-path (list home "/usr/bin" "/bin"))
          (process-environment (append ,variables (list (concat "PEN_TEST=" home)
                                                        (concat "PATH=" home ":/usr/bin:/bin"))
                                       process-environment))
          (restarted nil)
          (took nil)
          (message-log-max 1000))
     (write-region pen-install-test-python nil python nil 'silent)
     (set-file-modes python #o700)
     (when (get-buffer "*pen-install*")
       (kill-buffer "*pen-install*"))
     (cl-letf (((symbol-function 'pen-rpc-restart) (lambda () (setq restarted t)))
               ((symbol-value 'pen-install--pythons) '("python3")))
       (unwind-protect
           (save-window-excursion
             (setq took (pen-fixture-time #'pen-install-backend))
             (pen-rpc-test-until (null pen-install--process))
             (let ((said (with-temp-buffer
                           (insert-file-contents (expand-file-name "said" home))
                           (split-string (buffer-string) "\n" t)))
                   (log (with-current-buffer "*pen-install*" (buffer-string))))
               (ignore said log restarted took)
               ,@body))
         (delete-directory home t)))))

(ert-deftest pen-install-test-venv-pip-check-restart ()
  (pen-install-test-with nil
    (should (= 4 (length said)))
    (should (string-prefix-p "python3 -c" (nth 0 said)))
    (should (string-match-p "^python3 -m venv --clear .*/emacs/pen$" (nth 1 said)))
    (should (string-match-p "^python -m pip install .*\\[engine" (nth 2 said)))
    (should (string-match-p "^python -P -m pen_backend --version" (nth 3 said)))
    (should-not (string-match-p "virtualenv" (mapconcat #'identity said " ")))
    (should restarted)
    (should (string-match-p "^\\$ .*-m venv" log))
    (should (string-match-p "Collecting torch" log))))

(ert-deftest pen-install-test-nobody-waits-for-it ()
  (pen-fixture-quickest 0.5 (lambda () (pen-install-test-with nil took))))

(ert-deftest pen-install-test-the-command-that-fails-is-shown ()
  (pen-install-test-with '("PEN_TEST_PIP=7")
    (should-not restarted)
    (should (string-match-p "This command failed with status 7: .*bin/python -m pip install" log)))
  (pen-install-test-with '("PEN_TEST_NO_VENV=1")
    (should (= 2 (length said)))
    (should (string-match-p "ensurepip is not available" log))
    (should (string-match-p "This command failed with status 1: .*-m venv" log))
    (should (string-match-p "apt-get install python3-venv" log))))

(ert-deftest pen-install-test-no-python-that-is-new-enough ()
  (pen-install-test-with '("PEN_TEST_OLD=1")
    (should (= 1 (length said)))
    (should (string-match-p "No Python 3.11 to 3.14 was found" log))))

(ert-deftest pen-install-test-only-a-python-that-torch-is-made-for-fits ()
  (pcase-dolist (`(,version . ,fits) '(("3, 10, 9" . nil) ("3, 11, 0" . t) ("3, 14, 8" . t)
                                       ("3, 15, 0" . nil) ("4, 0, 0" . nil)))
    (should (eq fits (zerop (call-process "python3" nil nil nil "-c"
                                          (format "import sys\nsys.version_info = (%s)\n%s"
                                                  version pen-install--fits)))))))

(ert-deftest pen-install-test-a-checkout-is-installed-as-it-is-else-from-pypi ()
  (should (string-match-p "/[^ ]*\\[engine" (car (last (pen-install--source)))))
  (let ((pen-rpc-directory "/nonexistent/elisp/"))
    (should (equal (pen-install--source)
                   (list (format "pen-backend%s==%s" pen-install--extras pen-rpc-version))))))

(ert-deftest pen-install-test-a-package-is-installed-from-the-files-beside-it ()
  (let ((directory (file-name-as-directory (make-temp-file "pen-install" t))))
    (unwind-protect
        (let ((pen-rpc-directory directory))
          (write-region "" nil (expand-file-name "pyproject.toml" directory) nil 'silent)
          (should (equal (pen-install--source)
                         (list (concat (directory-file-name directory) pen-install--extras)))))
      (delete-directory directory t))))

(ert-deftest pen-install-test-without-its-source-a-failure-names-the-other-way ()
  (cl-letf (((symbol-function 'pen-install--root) #'ignore))
    (pen-install-test-with '("PEN_TEST_PIP=7")
      (should (string-match-p "`make setup. in a checkout of pen, and set `pen-python-command" log)))))

(provide 'pen-install-test)
;;; pen-install-test.el ends here
